"""Laws of waiting: whatever providers say, a row is not put back for ever."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from enrich.domain.advance import waiting_rows
from enrich.domain.outcome import OVER_BUDGET, Outcome, Pending, RateLimited, Skipped, Unavailable
from enrich.domain.policy import RunPolicy
from tests.unit.batches import NOW, batch, row, said, spec

laws = settings(deadline=None, max_examples=60)
RUNS = RunPolicy()
LAST = max(RUNS.max_deferrals, RUNS.max_limited)
PROVIDER = spec("by_email", "email", "domain")
MOMENTS = st.integers(-10_000, 10_000).map(lambda s: NOW + timedelta(seconds=s))
OUTCOMES: st.SearchStrategy[Outcome] = st.one_of(
    MOMENTS.map(Pending),
    st.builds(Pending, MOMENTS, st.text(max_size=3)),
    MOMENTS.map(RateLimited),
    st.builds(
        Skipped,
        st.sampled_from([OVER_BUDGET, f"{OVER_BUDGET}: run", "breaker open", "no time"]),
        MOMENTS,
    ),
    st.just(Unavailable("refused")),
)


def _waits(outcome: Outcome, attempt: int, money: int) -> bool:
    asked = batch(
        row(1, email="a@acme.com"),
        responses=[said(PROVIDER, {"email": "a@acme.com"}, outcome)],
        attempt=attempt,
    )
    asked = replace(asked, money_waits={1: money})
    return bool(waiting_rows(asked, {"by_email": PROVIDER}, runs=RUNS, now=NOW))


@laws
@given(outcome=OUTCOMES, more=st.integers(1, 10**6))
def test_a_row_is_put_back_a_limited_number_of_times(outcome: Outcome, more: int) -> None:
    assert not _waits(outcome, LAST + more, RUNS.max_money_waits)


@laws
@given(outcome=OUTCOMES, attempt=st.integers(1, 2 * LAST), money=st.integers(0, 2 * LAST))
def test_who_no_longer_waits_never_waits_again(outcome: Outcome, attempt: int, money: int) -> None:
    assert _waits(outcome, attempt, money) >= _waits(outcome, attempt + 1, money + 1)
