"""The console in a real browser: looked at, clicked through, cut off and attacked."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from pytest_celery import CeleryTestWorker

from enrich.domain.access import Scope
from enrich.domain.table import Column
from enrich.ports import NewRow
from enrich.store.access_keys import PostgresAccessKeys
from tests.faults.proxy import Proxy
from tests.integration.api_fixtures import bearer
from tests.integration.api_process import Caller, make_key, serving
from tests.integration.browsing import CONTRAST, NAMELESS, Visitor, chromium
from tests.integration.worker_fixtures import World, held_back

pytestmark = [pytest.mark.servers, pytest.mark.worker, pytest.mark.usefixtures("celery_setup")]

TENANT = "onlookers"
NARROW = {"width": 360, "height": 740}
HOSTILE = "<img src=x onerror=window.broken=1>\"'><script>window.broken=1</script>"
HOSTILE_ROW = "../a/b?<b>row</b>#%2e"
HOSTILE_COLUMN = "__proto__<svg onload=window.broken=1>"


@pytest.fixture(scope="module")
def served(worker_environment: Mapping[str, str], tmp_path_factory: Any) -> Iterator[str]:
    """An interface whose breakers are on, and of whose tenants one has a key of its own."""
    own = {
        **worker_environment,
        "ENRICH_BREAKER__ENABLED": "true",
        "ENRICH_PROVIDERS__CATALOGUE": "true",
        "ENRICH_PROVIDERS__NAMES": f"{worker_environment['ENRICH_PROVIDERS__NAMES']},apollo",
        f"ENRICH_CREDENTIALS__APOLLO__{TENANT.upper()}": "the-key-of-onlookers",
    }
    with serving(own, tmp_path_factory.mktemp("console") / "api.log") as url:
        yield url


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for all tests here."""
    expect.set_options(timeout=60_000)
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def keys(access_keys: PostgresAccessKeys) -> Mapping[str, str]:
    """Keys by what they may."""
    scopes = {
        "all": frozenset(Scope),
        "read": frozenset({Scope.READ}),
        "none": frozenset({Scope.ENRICH}),
        "own": frozenset(Scope) - {Scope.OPERATE_ALL},
    }
    return {
        name: make_key(access_keys, f"look{name:x<4}", tenant=TENANT, scopes=some)
        for name, some in scopes.items()
    }


@pytest.fixture
def visitor(served: str, browser: Browser, keys: Mapping[str, str]) -> Iterator[Visitor]:
    """Somebody who may do all; no page of theirs may complain of anything."""
    somebody = Visitor(browser, served, keys["all"])
    yield somebody
    assert somebody.errors == []


@pytest.fixture(scope="module")
def caller(served: str, keys: Mapping[str, str]) -> Caller:
    """The same, without a browser."""
    return Caller(served, {**bearer(keys["all"]), "X-Tenant-ID": TENANT})


@pytest.fixture(scope="module")
def filled(world: World, caller: Caller, celery_worker: CeleryTestWorker) -> str:
    """A table of twelve companies whose cells were enriched."""
    table = world.make_table(12, tenant=TENANT)
    run = caller.post("/v1/runs", {"table_id": table}).json()["run_id"]
    assert b"event: end" in caller.get(f"/v1/runs/{run}/events").content
    return table


@pytest.fixture(scope="module")
def hostile(world: World) -> str:
    """A table whose names and values are meant to be taken for markup or paths."""
    table = "../tables/<i>x</i>"
    columns = [
        Column(key=HOSTILE_COLUMN, field="company_name"),
        Column(key="city", field="city", enriched=True, position=1),
    ]
    world.rows.save_columns(TENANT, table, columns)
    world.rows.import_rows(TENANT, table, [NewRow(key=HOSTILE_ROW, data={HOSTILE_COLUMN: HOSTILE})])
    return table


def the_tables(page: Page) -> Locator:
    """The list of tables: the page before it names some of them too, until it is replaced."""
    return page.locator("section").filter(has=page.get_by_role("heading", name="Tables", level=1))


def open_table(page: Page, table: str) -> None:
    """Go to a table by the way that people go."""
    page.get_by_role("link", name="Tables", exact=True).click()
    the_tables(page).get_by_role("link", name=table, exact=True).click()
    expect(page.get_by_role("gridcell").first).to_be_visible()


def test_a_run_is_seen_going_on_and_is_cancelled(
    visitor: Visitor, world: World, caller: Caller
) -> None:
    table = world.make_table(600, tenant=TENANT)
    with visitor.page() as page:
        expect(page.get_by_text("Live")).to_be_visible()

        run = caller.post("/v1/runs", {"table_id": table}).json()["run_id"]
        card = page.locator(".run").filter(has_text=f"run {run}")
        with held_back(world, run):
            bar = card.get_by_role("progressbar")
            expect(bar).to_be_visible()
            page.wait_for_function("bar => bar.value > 0", arg=bar.element_handle())
            expect(card.get_by_text("cells/s")).to_be_visible()
        card.get_by_role("button", name=f"Cancel run {run}").click()
        page.get_by_role("dialog").get_by_role("button", name="Cancel the run").click()

        expect(card.get_by_text("cancelled")).to_be_visible()
        expect(page.locator("#said")).to_contain_text("cancelled")
        expect(page.locator(".acts")).to_contain_text(f"cancelled run {run}")
    assert caller.get(f"/v1/runs/{run}").json()["state"] == "cancelled"


def test_a_cell_shows_its_evidence_and_is_labelled(
    visitor: Visitor, world: World, filled: str
) -> None:
    with visitor.page() as page:
        open_table(page, filled)
        page.get_by_role("gridcell", name="filled").first.click()

        dialog = page.get_by_role("dialog")
        expect(dialog.get_by_role("heading", name="Why this one")).to_be_visible()
        expect(dialog.get_by_role("heading", name="Who said what")).to_be_visible()
        expect(dialog.locator("tbody tr").first).to_be_visible()
        dialog.get_by_role("button", name="This value is wrong").click()

        expect(dialog.get_by_text("Taken down as wrong")).to_be_visible()
    labels = world.rows.table(TENANT, filled) and world.all(
        "SELECT l.is_right FROM labels l JOIN rows r ON r.id = l.row_id WHERE r.tenant_id = :t",
        t=TENANT,
    )
    assert (False,) in labels


def test_a_cell_is_asked_about_again(visitor: Visitor, filled: str, caller: Caller) -> None:
    with visitor.page() as page:
        open_table(page, filled)
        page.get_by_role("gridcell", name="filled").first.click()
        page.get_by_role("button", name="Ask again").click()

        expect(page.get_by_text("Asked again")).to_be_visible()
    assert len(caller.get("/v1/runs").json()["items"]) >= 2


def test_cells_of_a_state_are_taken_up_again(visitor: Visitor, filled: str) -> None:
    with visitor.page() as page:
        open_table(page, filled)
        page.get_by_role("button", name="Enrich again").click()
        page.get_by_label("Which cells").select_option("stale")
        page.get_by_label("Older than").fill("0")
        page.get_by_role("button", name="Begin the run").click()

        expect(page.get_by_text("Days must be a number")).to_be_visible()
        page.get_by_label("Older than").fill("3000")
        page.get_by_role("button", name="Begin the run").click()
        expect(page.get_by_text("No row has such cells")).to_be_visible()


def test_a_breaker_is_held_open_and_released(visitor: Visitor, caller: Caller, filled: str) -> None:
    with visitor.page() as page:
        row = page.locator(".providers tbody tr").filter(has_text="linkedin_api")
        if_hidden = page.get_by_role("button", name="never asked")
        expect(row.or_(if_hidden).first).to_be_visible()
        caller.post("/v1/providers/linkedin_api/breaker", {"state": "half_open"})
        row.get_by_role("button").click()
        page.get_by_role("dialog").get_by_label("Hold open").check()
        page.get_by_role("button", name="Set it").click()

        expect(row.get_by_text("held by hand")).to_be_visible()
        expect(page.locator(".attention")).to_contain_text("linkedin_api is held open by hand")
        expect(page.locator(".acts")).to_contain_text("set the breaker of linkedin_api to open")
        row.get_by_role("button").click()
        page.get_by_role("dialog").get_by_label("Close").last.check()
        page.get_by_role("button", name="Set it").click()
        expect(row.get_by_text("closed")).to_be_visible()


def test_a_tenant_pauses_a_provider_for_its_own_keys_alone(
    visitor: Visitor, keys: Mapping[str, str], filled: str
) -> None:
    with visitor.page(key=keys["own"]) as page:
        apollo = page.get_by_role("button", name="Set the breaker of apollo", exact=True)
        others = page.locator("button", has_text="never asked")
        expect(apollo.or_(others).first).to_be_visible()
        # There are none to be shown where other tests have asked all of them.
        others.evaluate_all("them => them.forEach(it => it.click())")
        apollo.click()
        expect(page.get_by_role("dialog")).to_contain_text("your tenant's own keys alone")
        page.get_by_label("Hold open").check()
        page.get_by_role("button", name="Set it").click()
        expect(page.locator(".acts")).to_contain_text("of apollo, for the tenant's own keys,")
        apollo.click()
        page.get_by_role("radio", name="Release –").check()
        page.get_by_role("button", name="Set it").click()
        expect(page.locator(".acts")).to_contain_text("released the breaker of apollo")
        page.get_by_role("button", name="Set the breaker of linkedin_api").click()
        expect(page.get_by_text("its breaker is everybody's")).to_be_visible()


@pytest.mark.parametrize(
    ("who", "says"),
    [
        pytest.param("enr_wrong", "unknown, expired or revoked", id="no key of ours"),
        pytest.param("two words", "That is no key", id="no key at all"),
    ],
)
def test_a_wrong_key_is_told_in_a_sentence(visitor: Visitor, who: str, says: str) -> None:
    with visitor.page(key=who) as page:
        expect(page.get_by_role("alert").filter(has_text=says)).to_be_visible()
        expect(page.get_by_label("API key")).to_be_focused()


def test_a_key_that_may_not_read_is_told_so(visitor: Visitor, keys: Mapping[str, str]) -> None:
    with visitor.page(key=keys["none"]) as page:
        expect(page.get_by_text("lacks the scope 'read'")).to_be_visible()


def test_a_key_that_may_only_look_is_told_what_it_lacks(
    visitor: Visitor, keys: Mapping[str, str], filled: str
) -> None:
    with visitor.page(key=keys["read"]) as page:
        page.get_by_role("button", name="Set the breaker of").first.click()
        expect(page.get_by_text("lacks the scope operate")).to_be_visible()
        open_table(page, filled)
        page.get_by_role("gridcell", name="filled").first.click()
        page.get_by_role("button", name="This value is right").click()
        expect(page.get_by_role("dialog")).to_contain_text("lacks the scope enrich")


def test_hostile_names_and_values_are_text(visitor: Visitor, hostile: str) -> None:
    with visitor.page() as page:
        open_table(page, hostile)
        page.get_by_role("gridcell", name="typed").click()

        dialog = page.get_by_role("dialog")
        expect(dialog.locator(".big")).to_have_text(HOSTILE)
        expect(dialog.get_by_role("heading", level=2)).to_contain_text(HOSTILE_ROW)
        dialog.get_by_role("button", name="This value is right").click()
        expect(dialog.get_by_text("Taken down as right")).to_be_visible()
        assert page.evaluate("window.broken") is None
        assert page.locator("main img, main b.x, dialog img, dialog svg, main i").count() == 0


def test_all_of_it_goes_by_keyboard(visitor: Visitor, filled: str) -> None:
    with visitor.page() as page:
        expect(page.get_by_text("Live")).to_be_visible()
        page.get_by_role("link", name="Tables", exact=True).focus()
        page.keyboard.press("Enter")
        the_tables(page).get_by_role("link", name=filled, exact=True).focus()
        page.keyboard.press("Enter")
        cell = page.locator("[role=gridcell][tabindex='0']")
        cell.focus()
        page.keyboard.press("ArrowDown")
        page.keyboard.press("ArrowRight")
        where = page.evaluate("({...document.activeElement.dataset})")
        page.keyboard.press("Enter")
        dialog = page.get_by_role("dialog")
        expect(dialog.get_by_role("heading", name="Why this one")).to_be_visible()
        within = [tab(page) for _ in range(12)]
        page.keyboard.press("Escape")

        assert (where["place"], where["side"]) == ("1", "1")
        assert all(within)
        expect(dialog).to_have_count(0)
        expect(cell).to_be_focused()
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def tab(page: Page) -> bool:
    """Press Tab; say whether the focus is within the dialog."""
    page.keyboard.press("Tab")
    return bool(page.evaluate("document.querySelector('dialog').contains(document.activeElement)"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_can_be_read_and_has_names(visitor: Visitor, filled: str, scheme: str) -> None:
    with visitor.page(color_scheme=scheme) as page:
        expect(page.locator(".run").first).to_be_visible()
        expect(page.locator(".providers tbody tr").first).to_be_visible()
        found = page.evaluate(CONTRAST) + page.evaluate(NAMELESS)
        open_table(page, filled)
        page.get_by_text("What the signs mean").click()
        found += page.evaluate(CONTRAST) + page.evaluate(NAMELESS)
        page.get_by_role("gridcell", name="filled").first.click()
        expect(page.get_by_role("heading", name="Who said what")).to_be_visible()
        found += page.evaluate(CONTRAST) + page.evaluate(NAMELESS)

    assert found == []


def test_on_a_narrow_screen_nothing_is_beside_it(visitor: Visitor, filled: str) -> None:
    wide = "document.documentElement.scrollWidth"
    with visitor.page(viewport=NARROW) as page:
        expect(page.locator(".providers tbody tr").first).to_be_visible()
        widths = [page.evaluate(wide)]
        open_table(page, filled)
        widths.append(page.evaluate(wide))
        page.get_by_role("gridcell", name="filled").first.click()
        expect(page.get_by_role("heading", name="Who said what")).to_be_visible()
        widths.append(page.evaluate(wide))

    assert max(widths) <= NARROW["width"]


def test_a_lost_connection_is_told_and_comes_back(
    served: str, browser: Browser, keys: Mapping[str, str]
) -> None:
    with Proxy(served.removeprefix("http://")) as between:
        visitor = Visitor(browser, f"http://127.0.0.1:{between.port}", keys["all"])
        with visitor.page() as page:
            expect(page.get_by_text("Live")).to_be_visible()
            between.refuse()
            expect(page.get_by_text("Connection lost").first).to_be_visible()

            between.accept()
            page.get_by_role("button", name="Try now").click()

            expect(page.get_by_text("Live")).to_be_visible()
            expect(page.locator("#said")).to_have_text("Connected again.")


def test_who_has_no_table_is_told_what_to_do(
    visitor: Visitor, access_keys: PostgresAccessKeys
) -> None:
    key = make_key(access_keys, "newcomer", tenant="newcomers")
    with visitor.page(key=key) as page:
        expect(page.get_by_text("No run yet")).to_be_visible()
        page.get_by_role("link", name="Tables", exact=True).click()
        expect(page.get_by_text("enrich import FILE")).to_be_visible()
