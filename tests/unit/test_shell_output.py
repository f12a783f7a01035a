"""What the shell prints does nothing but be read."""

from dataclasses import replace
from datetime import UTC, datetime

import click
import pytest

from enrich.cli.output import inert, print_facts, short
from enrich.cli.reasons import check_outage
from enrich.cli.servers import without_password
from enrich.cli.summaries import booked, print_summary
from enrich.cli.wishes import CREDITS
from enrich.domain.endings import NO_INPUT, Ending
from enrich.domain.run import Counts, RunState
from enrich.domain.table import CellState
from enrich.errors import BadInputError, RunFailedError
from enrich.ports import RunSummary

NOW = datetime(2026, 3, 1, tzinfo=UTC)
SUMMARY = RunSummary(
    id=7,
    tenant="default",
    table="t",
    state=RunState.DONE,
    wanted=("domain",),
    rows=40,
    counts=Counts(cost_microcredits=16_000),
    batches={"done": 1},
    parked_reasons=(),
    started_at=NOW,
    finished_at=NOW,
    max_cost_microcredits=300_000,
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("Zürich 東京 🙂", "Zürich 東京 🙂", id="plain"),
        pytest.param("\x1b[2Jgone", "\\u001b[2Jgone", id="R10-escape"),
        pytest.param("a\nb\tc", "a\\u000ab\\u0009c", id="line-ends"),
        pytest.param("abc\u202edef", "abc\\u202edef", id="right-to-left"),
        pytest.param("a\u200bb", "a\\u200bb", id="invisible"),
    ],
)
def test_control_characters_are_shown_by_number(text: str, shown: str) -> None:
    assert inert(text) == shown


def test_long_values_are_cut_with_a_sign() -> None:
    assert short("x" * 100) == "x" * 47 + "…"


def test_facts_are_aligned_and_inert(capsys: pytest.CaptureFixture[str]) -> None:
    print_facts([("state", "filled"), ("provider", "\x1b[31mred"), ("value", None)])

    assert capsys.readouterr().out == "state     filled\nprovider  \\u001b[31mred\nvalue\n"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://me:s3cret@host/db", "postgresql://me:***@host/db"),
        ("redis://:s3cret@host:6379/0", "redis://:***@host:6379/0"),
        ("postgresql://me@/db?host=/run", "postgresql://me@/db?host=/run"),
        ("unix:///run/valkey.sock?db=0", "unix:///run/valkey.sock?db=0"),
    ],
)
def test_passwords_of_addresses_are_masked(url: str, shown: str) -> None:
    assert without_password(url) == shown


def test_a_capped_run_says_what_it_spent_and_what_it_left_out(
    capsys: pytest.CaptureFixture[str],
) -> None:
    poor = Ending(state=CellState.SKIPPED, reason="a: skipped (over budget: run)", cells=32)

    print_summary(SUMMARY, [poor], as_json=False)

    told = "0.0160 credits of 0.3 that it may spend; 32 cells left out (over budget)"
    assert told in capsys.readouterr().out


def test_a_summary_names_the_way_out_of_a_breaker(capsys: pytest.CaptureFixture[str]) -> None:
    left = Ending(state=CellState.SKIPPED, reason="a: skipped (breaker open)", cells=396)
    other = Ending(state=CellState.SKIPPED, reason="a: skipped (no credential)", cells=4)

    print_summary(replace(SUMMARY, table="my t", tenant="acme"), [left, other], as_json=False)

    assert capsys.readouterr().err == (
        "396 cells were left to a breaker; once it lets calls through: "
        "`enrich run 'my t' --where skipped --tenant acme`\n"
    )


def test_a_run_under_way_costs_what_its_parts_do(capsys: pytest.CaptureFixture[str]) -> None:
    costs = {"a": 1_856_000, "b": 4_000}

    print_summary(
        booked(replace(SUMMARY, state=RunState.RUNNING), costs), costs=costs, as_json=False
    )

    assert "1.8600 credits of" in capsys.readouterr().out


@pytest.mark.parametrize(
    "counts", [Counts(filled=1, failed=8), Counts(not_found=1, failed=8)], ids=["filled", "known"]
)
def test_a_run_that_got_something_is_done_whatever_else_failed(counts: Counts) -> None:
    failed = Ending(state=CellState.FAILED, reason="a: unavailable", cells=8)

    check_outage(replace(SUMMARY, counts=counts), [failed])


def test_a_run_with_nothing_to_ask_with_failed_and_names_the_way_out() -> None:
    blank = Ending(state=CellState.SKIPPED, reason=f"{NO_INPUT} (needs email or ticker)", cells=8)

    with pytest.raises(RunFailedError, match="`enrich columns t set COLUMN --field email`"):
        check_outage(SUMMARY, [blank])


@pytest.mark.parametrize("amount", ["abc", "-1", ""], ids=["word", "negative", "empty"])
def test_an_amount_that_is_none_is_told_in_one_sentence(amount: str) -> None:
    said = f"--max-cost: '{amount}' is not a number of credits; 0 or more, for example 0.5"

    with pytest.raises(BadInputError) as refused:
        CREDITS.convert(amount, click.Option(["--max-cost"]), None)

    assert str(refused.value) == said
