"""Why cells have no value, counted over the batches of a run."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import pytest

from enrich.domain.endings import (
    Ending,
    endings_by_reason,
    endings_of,
    is_outage,
    is_over_budget,
    reasons_of,
)
from enrich.domain.outcome import BREAKER, OVER_BUDGET, Skipped
from enrich.domain.run import Counts, Response
from enrich.domain.table import CellState, CellWrite, Provenance, Stamp

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def ended(*reasons: str, state: CellState = CellState.FAILED) -> list[CellWrite]:
    return [
        CellWrite(
            row=row,
            column="city",
            provenance=Provenance(state=state, stamp=Stamp(7, 1), reason=reason),
        )
        for row, reason in enumerate(reasons)
    ]


def counted(*batches: Sequence[CellWrite]) -> tuple[Ending, ...]:
    total = sum((Counts(endings=endings_by_reason(one)) for one in batches), Counts())
    return endings_of(total)


def test_the_commonest_reason_of_all_batches_comes_first() -> None:
    told = counted(ended("a: gone", "b: gone"), ended("b: gone"))

    assert [(each.reason, each.cells) for each in told] == [("b: gone", 2), ("a: gone", 1)]


@pytest.mark.parametrize("reasons", [[f"a: unavailable (HTTP 503: <{w}>)" for w in "abcdefghij"],
                                     [f"a: unavailable (no {n})" for n in range(500_000, 500_010)],
                                     [f"a: invalid_input (x{n}@y.z)" for n in range(10)]],
                         ids=["a word", "a number", "an address"])  # fmt: skip
def test_reasons_that_differ_by_row_are_counted_together(reasons: list[str]) -> None:
    (told,) = counted(ended(*reasons))

    assert told.cells == len(reasons)


def test_a_provider_keeps_its_name_however_many_digits_that_has() -> None:
    (told,) = counted(ended("acme_123456: skipped (breaker open)", state=CellState.SKIPPED))

    assert told.reason == "acme_123456: skipped (breaker open)"
    assert is_outage(told)


def test_a_filled_cell_needs_no_reason() -> None:
    assert counted(ended("as it was", state=CellState.FILLED)) == ()


def test_a_run_that_an_open_breaker_skipped_is_an_outage() -> None:
    (told,) = counted(ended("a: skipped (breaker open)", state=CellState.SKIPPED))

    assert is_outage(told)


def skipped(provider: str, reason: str) -> Response:
    return Response(
        row=1,
        provider=provider,
        provider_version="1",
        input_key="k",
        outcome=Skipped(reason),
        observed_at=NOW,
    )


@pytest.mark.parametrize(
    ("reason", "is_told"),
    [(OVER_BUDGET, is_over_budget), (f"{OVER_BUDGET}: run", is_over_budget),
     (f"{BREAKER} open", is_outage)],
    ids=["no money", "no money of the run", "a breaker"],
)  # fmt: skip
@pytest.mark.parametrize("others", [0, 8], ids=["alone", "among many reasons"])
def test_what_a_run_is_told_of_is_read_from_the_sentence(
    reason: str, is_told: Callable[[Ending], bool], others: int
) -> None:
    own = reasons_of([skipped("dear", reason), skipped("other", "no credential")])
    crowd = [f"p{name}: skipped (not today)" for name in "abcdefgh"[:others]]

    told = counted(ended(own, *crowd, state=CellState.SKIPPED))

    assert [each.cells for each in told if is_told(each)] == [1]


def test_a_provider_that_is_named_as_the_reason_says_nothing_of_money() -> None:
    (told,) = counted(ended("a: unavailable (over budget)", state=CellState.FAILED))

    assert not is_over_budget(told)
