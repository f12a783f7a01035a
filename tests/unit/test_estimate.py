"""An estimate counts from above what a run could ask and cost."""

import json
import re
from dataclasses import replace

import pytest

from enrich.cli.estimates import print_estimate
from enrich.domain.provider import Charge, ProviderSpec, Tier
from enrich.domain.run import Force, RunOptions
from enrich.domain.table import Column, Row
from enrich.domain.values import MICROCREDITS_PER_CREDIT, JsonObject
from enrich.engine.estimate import Estimate, estimate
from enrich.engine.submit import RunRequest
from tests.unit.batches import BY_EMAIL
from tests.unit.engine_world import Scripted, world

_COLUMNS = (
    Column(key="name", field="company_name"),
    Column(key="site", field="website", enriched=True, position=1),
    Column(key="host", field="domain", enriched=True, position=2),
    Column(key="tel", field="phone", enriched=True, position=3),
)
_WANTED = ("site", "host", "tel")


def _spec(
    name: str, needs: str, gives: str, *, tier: Tier = Tier.FREE, price: int = 0
) -> ProviderSpec:
    return ProviderSpec(
        name=name,
        version="1",
        tier=tier,
        gives={gives: 0.9},
        inputs=(frozenset({needs}),),
        price_microcredits=price,
    )


_SPECS = (
    _spec("dear", "company_name", "website", tier=Tier.PREMIUM, price=50),
    _spec("sites", "company_name", "website", tier=Tier.CHEAP, price=4),
    _spec("hosts", "website", "domain"),
)


def _rows(*data: JsonObject) -> list[Row]:
    return [Row(id=n, key=str(n), data=one, cells={}) for n, one in enumerate(data, start=1)]


def _estimate(rows: list[Row], options: RunOptions | None = None) -> Estimate:
    return estimate(
        rows,
        columns=_COLUMNS,
        wanted=_WANTED,
        options=options or RunOptions(),
        specs=_SPECS,
    )


def test_each_provider_is_counted_with_the_rows_that_it_may_be_asked_about() -> None:
    found = _estimate(_rows({"name": "3M"}, {"name": "Abbott"}, {"site": "x.com", "tel": "1"}))

    assert [(share.provider, share.rows) for share in found.shares] == [
        ("hosts", 3),
        ("sites", 2),
        ("dear", 2),
    ]
    assert found.most_microcredits == 2 * 4 + 2 * 50


def test_cells_that_nobody_can_fill_are_out_of_reach() -> None:
    found = _estimate(_rows({"name": "3M"}, {"tel": "1"}))

    assert (found.rows, found.cells, found.out_of_reach) == (2, 5, 1 + 2)


def test_a_field_that_nobody_gives_is_named() -> None:
    assert _estimate(_rows({"name": "3M"})).unknown == ("phone",)


def test_rows_without_an_open_cell_are_no_work() -> None:
    found = _estimate(_rows({"name": "3M", "site": "x", "host": "y", "tel": "1"}))

    assert (found.rows, found.cells, found.shares) == (0, 0, ())


def test_typed_values_are_no_work_even_under_force() -> None:
    rows = _rows({"name": "3M", "site": "x", "host": "y"})

    found = _estimate(rows, RunOptions(force=Force.RESPONSES))

    assert found.cells == 1


def test_order_of_the_rows_does_not_matter() -> None:
    rows = _rows({"name": "3M"}, {"site": "x"}, {"tel": "1"})

    assert _estimate(rows) == _estimate([replace(row) for row in reversed(rows)])


def test_what_is_expected_goes_by_how_often_the_providers_knew_rows() -> None:
    found = estimate(
        _rows(*({"name": str(n)} for n in range(10))),
        columns=_COLUMNS,
        wanted=_WANTED,
        options=RunOptions(),
        specs=_SPECS,
        hit_rates={"sites": 0.8, "dear": 1.0},
    )

    by_name = {share.provider: share for share in found.shares}
    assert by_name["sites"].expected_microcredits == 32
    assert by_name["dear"].expected_microcredits == 100
    assert (found.least_microcredits, found.most_microcredits) == (0, 540)


def test_asking_a_provider_that_charges_for_it_costs_at_least_that() -> None:
    on_call = replace(_SPECS[1], charge=Charge.ON_CALL)
    found = estimate(
        _rows({"name": "3M"}),
        columns=_COLUMNS,
        wanted=_WANTED,
        options=RunOptions(),
        specs=(on_call,),
    )

    assert (found.least_microcredits, found.most_microcredits) == (4, 4)


class _Keyed(Scripted):
    """A provider that everybody asks with the same key."""

    def credential_id(self, tenant: str) -> str:
        """Name the key."""
        return "k1"

    def key_count(self, tenant: str) -> int:
        """Count the keys."""
        return 1


@pytest.mark.parametrize(
    ("breaker", "hold", "told"),
    [
        pytest.param("by_email", True, "held open by hand", id="held"),
        pytest.param("by_email", False, "UTC: its breaker is open", id="open"),
        pytest.param("by_email#k1", True, "held open by hand", id="of the key"),
    ],
)
def test_who_is_left_alone_now_is_told_of_and_does_not_count(
    breaker: str, hold: bool, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    provider = _Keyed(replace(BY_EMAIL, price_microcredits=MICROCREDITS_PER_CREDIT), {})
    with world(provider) as own:
        own.parts.breakers.force(breaker, "open", hold=hold)
        print_estimate(own.parts, RunRequest(table="t"), hit_rates={}, as_json=False)

    shown = capsys.readouterr().out
    assert re.search(rf"not counted +by_email is left alone.*{told}", shown)
    assert re.search(r"at most +0\.0000", shown)


def test_who_can_be_asked_counts(capsys: pytest.CaptureFixture[str]) -> None:
    provider = _Keyed(replace(BY_EMAIL, price_microcredits=MICROCREDITS_PER_CREDIT), {})
    with world(provider) as own:
        print_estimate(own.parts, RunRequest(table="t"), hit_rates={}, as_json=True)

    shown = json.loads(capsys.readouterr().out)
    assert (shown["left_alone"], shown["most_credits"]) == ([], 1.0)
