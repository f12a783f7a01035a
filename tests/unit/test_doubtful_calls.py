"""What the shell says of calls that may have been made twice."""

from datetime import UTC, datetime

import pytest

from enrich.cli.calls import note_doubts, note_total
from enrich.domain.paid import CallState, Doubt


def doubt(number: int, call: str) -> Doubt:
    return Doubt(
        key=f"q{number}-1",
        call=call,
        run_id=7,
        row=f"r{number}",
        provider="paid",
        state=CallState.ANSWERED,
        doubts=1,
        price_microcredits=100_000,
        cost_microcredits=0,
        reserved_at=datetime(2026, 3, 1, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    ("calls", "told"),
    [
        pytest.param(["a/0"] * 28, "1 paid call (28 rows, 2.8000 credits) may", id="one call"),
        pytest.param(["a/0", "b/0"], "2 paid calls (2 rows, 0.2000 credits) may", id="a row each"),
        pytest.param(["a/0"] * 1000, "1 paid call (1000 rows, 100.0000 credits) or more", id="cut"),
    ],
)
def test_calls_are_counted_as_calls_with_the_rows_in_them(
    calls: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    note_doubts([doubt(number, call) for number, call in enumerate(calls)], 7)

    assert capsys.readouterr().err.startswith(told)


@pytest.mark.parametrize(
    ("is_cut", "told"),
    [
        pytest.param(
            True,
            "the newest 2: 2 paid calls (2 rows, 0.2000 credits); "
            "there are more, --limit shows them\n",
            id="more",
        ),
        pytest.param(False, "all in all 2 paid calls (2 rows, 0.2000 credits)\n", id="all"),
    ],
)
def test_a_total_of_some_calls_does_not_read_as_that_of_all(
    is_cut: bool, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    note_total([doubt(1, "a/0"), doubt(2, "b/0")], is_cut=is_cut)

    assert capsys.readouterr().err == told
