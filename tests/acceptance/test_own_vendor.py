"""A provider of one's own that refuses us: what a person at the shell sees, and how it goes on."""

import json
import logging
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from enrich.bootstrap import endpoints, settings
from enrich.errors import BrokerDownError, RunFailedError
from enrich.store import migrate
from tests.acceptance.own_vendor import (
    FOUND,
    NO_CREDITS,
    REFUSED,
    OwnVendor,
    Said,
    Terminal,
    own_vendor,
)
from tests.waiting import patient

pytestmark = pytest.mark.servers

KEY = "a-key-of-the-vendor"


@pytest.fixture
def vendor() -> Iterator[OwnVendor]:
    """A vendor whose name, and so whose breakers, no other test has."""
    with own_vendor(f"vendor_{secrets.token_hex(4)}") as vendor:
        yield vendor


@pytest.fixture
def terminal(
    vendor: OwnVendor,
    database_url: str,
    redis_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Terminal]:
    """A shell in which the vendor's file is a provider, the only one, with a key and a table."""
    migrate.upgrade(database_url)
    (tmp_path / f"{vendor.name}.toml").write_text(vendor.file())
    own = {
        "DATABASE_URL": database_url,
        "REDIS_URL": patient(redis_url),
        "ENRICH_BROKER__URL": redis_url,
        "ENRICH_HOME": str(tmp_path / "home"),
        "ENRICH_KEYRING__KEYS": "q7VhmP0M7wCUGzl2gq1G6-NlUNwcRd5Qb3f0nB3vYJw=",
        "ENRICH_PROVIDERS__DIRECTORY": str(tmp_path),
        "ENRICH_PROVIDERS__NAMES": vendor.name,
    }
    for name, value in own.items():
        monkeypatch.setenv(name, value)
    settings.cache_clear()
    endpoints.cache_clear()
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    terminal = Terminal(CliRunner())
    assert terminal("credentials", "add", vendor.name, stdin=KEY).exit_code == 0
    (tmp_path / "rows.csv").write_text("id,domain\n1,one.example\n2,two.example\n3,three.example\n")
    table = vendor.name
    assert (
        terminal("import", str(tmp_path / "rows.csv"), "--table", table, "--key", "id").exit_code
        == 0
    )
    yield terminal
    root.handlers[:], root.level = handlers, level
    settings.cache_clear()
    endpoints.cache_clear()


@pytest.fixture(params=[NO_CREDITS, REFUSED], ids=["402", "403"])
def shut(request: pytest.FixtureRequest, vendor: OwnVendor, terminal: Terminal) -> str:
    """A vendor that has refused our key in a run, and would take it from now on: its name."""
    said: Said = request.param
    vendor.says = [said]
    run(terminal, vendor)
    vendor.says = [FOUND]
    return vendor.name


def run(terminal: Terminal, vendor: OwnVendor, *more: str) -> Result:
    return terminal("run", vendor.name, "--columns", "employees,city", "--in-process", *more)


def states(terminal: Terminal, name: str) -> list[str]:
    told = terminal.json("breaker", name)
    return [told["state"], *(each["state"] for each in told["credentials"])]


def test_breakers_of_ones_own_provider_are_listed_with_whose_they_are(
    shut: str, terminal: Terminal
) -> None:
    told = terminal.json("breaker", shut)

    (of_key,) = told["credentials"]
    assert told["state"] == "closed"
    assert (of_key["state"], of_key["tenants"]) == ("open", ["default"])
    assert terminal("breaker", shut, "--credential", of_key["credential"]).exit_code == 0


@pytest.mark.parametrize(
    "mended",
    [
        ("breaker", "NAME", "--force", "closed"),
        ("credentials", "add", "NAME"),
        ("providers", "try", "NAME", "--live", "--input", "domain=example.com"),
    ],
    ids=["by hand", "a key is added", "a live try"],
)
def test_what_a_refused_key_had_shut_is_opened_again(
    mended: tuple[str, ...], shut: str, terminal: Terminal, vendor: OwnVendor
) -> None:
    assert "open" in states(terminal, shut)

    done = terminal(*(shut if word == "NAME" else word for word in mended), stdin=KEY)

    assert done.exit_code == 0, done.output
    assert states(terminal, shut) == ["closed", "closed"]
    assert run(terminal, vendor, "--where", "failed", "--where", "skipped").exit_code == 0
    assert terminal.json("cell", shut, "1", "employees")["value"] == 1200


def test_a_try_that_is_refused_opens_nothing(
    shut: str, terminal: Terminal, vendor: OwnVendor
) -> None:
    vendor.says = [REFUSED]

    done = terminal("providers", "try", shut, "--live", "--input", "domain=example.com")

    assert done.exit_code == 1
    assert "open" in states(terminal, shut)


def test_a_limit_that_is_set_too_high_makes_work_later_and_never_failed(
    vendor: OwnVendor, terminal: Terminal, tmp_path: Path
) -> None:
    limits = '[[limits]]\ncount = 50\nper_s = 1\nof = "key"'
    (tmp_path / f"{vendor.name}.toml").write_text(vendor.file(limits))
    rows = "".join(f"{n},firm{n}.example\n" for n in range(4, 16))
    (tmp_path / "more.csv").write_text(f"id,domain\n{rows}")
    terminal("import", str(tmp_path / "more.csv"), "--table", vendor.name, "--key", "id")
    vendor.per_s = 5

    done = run(terminal, vendor, "--json")

    told = json.loads(done.stdout)
    assert (told["filled"], told["pending"], told["failed"], told["skipped"]) == (30, 0, 0, 0)


@pytest.mark.parametrize(
    ("said", "why", "way_out"),
    [
        (NO_CREDITS, "credits_exhausted", "it has no credits left; buy some, then `enrich breaker"),
        (REFUSED, "unauthorized (status 403)", "it refused the key; check it, then `enrich cred"),
    ],
    ids=["402", "403"],
)
def test_a_run_that_got_nothing_says_why_and_fails(
    said: Said, why: str, way_out: str, vendor: OwnVendor, terminal: Terminal
) -> None:
    vendor.says = [said]

    done = run(terminal, vendor)

    assert isinstance(done.exception, RunFailedError)
    assert f"failed       6       {vendor.name}: {why}" in done.stdout
    assert f"{vendor.name} is left alone until " in done.stderr
    assert way_out in done.stderr


def test_a_run_that_skipped_who_is_shut_says_so_and_fails(
    shut: str, terminal: Terminal, vendor: OwnVendor
) -> None:
    done = run(terminal, vendor)

    listed = terminal("runs", "--limit", "1")
    assert isinstance(done.exception, RunFailedError)
    assert f"{shut}: skipped (breaker " in done.stdout
    assert f"enrich credentials add {shut}" in done.stderr or "enrich breaker" in done.stderr
    assert listed.stdout.split("\n")[0].split()[4:9] == [
        "filled",
        "not",
        "found",
        "failed",
        "skipped",
    ]


def test_a_server_error_is_tried_again_by_the_rule_of_the_file(
    vendor: OwnVendor, terminal: Terminal, tmp_path: Path
) -> None:
    retry = '[retry]\nattempts = 2\non = "unavailable"\npause_s = 0.01'
    (tmp_path / f"{vendor.name}.toml").write_text(vendor.file(retry))
    vendor.says = [(500, {}, "{}"), FOUND]

    told = json.loads(run(terminal, vendor, "--json").stdout)

    assert (told["filled"], told["failed"], told["provider_calls"]) == (6, 0, vendor.calls)


def test_a_run_names_the_file_that_was_refused(
    vendor: OwnVendor, terminal: Terminal, tmp_path: Path
) -> None:
    bad = tmp_path / "bad_one.toml"
    bad.write_text('name = "bad_one"\n')

    told = run(terminal, vendor).stderr

    assert f"bad_one was not asked, its file is left out: {bad}: title: is missing" in told


def test_an_export_to_a_dash_goes_to_standard_output(
    vendor: OwnVendor, terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    done = terminal("export", vendor.name, "--output", "-")

    assert done.stdout.startswith('"id","domain"')
    assert not (tmp_path / "-").exists()


def test_a_cell_is_explained_and_shown_with_its_evidence_at_once(
    vendor: OwnVendor, terminal: Terminal
) -> None:
    run(terminal, vendor)

    shown = terminal("cell", vendor.name, "1", "employees", "--evidence", "--why").stdout

    assert "right so far" in shown
    assert "not known yet" in shown
    assert "cost of call" in shown


def test_the_doctor_names_who_is_shut_and_the_way_out(shut: str, terminal: Terminal) -> None:
    told = terminal("doctor").stdout

    assert f"{shut} is left alone until" in told


def test_the_list_of_providers_knows_the_keys_that_are_kept(
    vendor: OwnVendor, terminal: Terminal
) -> None:
    kept = terminal.json("providers", vendor.name)["off"]
    terminal("credentials", "remove", vendor.name)

    assert kept == ""
    assert terminal.json("providers", vendor.name)["off"].startswith("needs a key")


def test_a_run_that_nobody_would_hear_of_is_not_stored(
    vendor: OwnVendor, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENRICH_BROKER__URL", "redis://127.0.0.1:1/0")
    settings.cache_clear()
    endpoints.cache_clear()

    done = terminal("run", vendor.name, "--columns", "city")

    assert isinstance(done.exception, BrokerDownError)
    assert vendor.name not in {each["table"] for each in terminal.json("runs")}
