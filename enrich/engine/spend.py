"""Money for the calls of one probe: put aside before, counted after."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import accumulate

from enrich.domain.outcome import OVER_BUDGET, Outcome, Pending, Skipped
from enrich.domain.paid import scopes_of
from enrich.domain.provider import ProviderSpec
from enrich.domain.run import RunView
from enrich.domain.values import JsonObject
from enrich.engine.parts import Parts
from enrich.ports import BudgetsAway, OverBudget, Reservation

__all__ = ["Purse", "spending_caps"]


#: What may be spent where there is no limit; the spending is counted all the same.
_NO_CAP = 2**53
#: After that what others have in hand is looked at again.
_OTHERS_DONE_S = 5.0


class Purse:
    """What one probe may spend, in the scopes of its run.

    `open` puts aside the most that as many calls as fit may cost, and `spend` counts what they did
    cost: often less, so that it may be opened again. `close` books what was spent and gives the
    rest back. A probe that dies in between loses its reservation to its time limit.
    """

    def __init__(self, parts: Parts, run: RunView, spec: ProviderSpec, *, holder: str = "") -> None:
        self._parts, self._run, self._spec, self._holder = parts, run, spec, holder
        caps = spending_caps(parts, run)
        # The scopes of the day on which it is made: all is put aside and booked in the same.
        self._caps = {scope: _NO_CAP if cap is None else cap for scope, cap in caps.items()}
        # One reservation under one name, however often it is opened: booked once, at the end.
        self._reservation: Reservation | None = None
        self._spent_microcredits = 0
        self._is_refused = False

    def open(self, inputs: Sequence[JsonObject]) -> tuple[int, Outcome]:
        """Say how many of the calls with these inputs may be made, and what the others get."""
        prices = [self._spec.most_for(each) for each in inputs]
        if not sum(prices):
            return len(prices), Skipped(OVER_BUDGET)
        got = self._reserve(sum(prices))
        if isinstance(got, OverBudget):
            return self._opened_for_some(prices, got)
        return (len(prices) if isinstance(got, Reservation) else 0), self._poor(got)

    def spend(self, microcredits: int) -> None:
        """Count what calls have cost since it was opened."""
        self._spent_microcredits += microcredits

    def close(self) -> None:
        """Book what the calls cost, and give back what is left."""
        reservation = self._reservation
        if reservation is None and self._is_refused and self._holder:
            # By the ledger the calls that we reserved there are held; others must not wait for it.
            scopes = dict(sorted(self._caps.items()))
            reservation = Reservation(id=self._holder, amount_microcredits=0, scopes=scopes)
        if reservation is not None:
            spent = self._spent_microcredits
            self._parts.budgets.commit(self._run.tenant, reservation, spent)

    def _opened_for_some(self, prices: Sequence[int], refused: OverBudget) -> tuple[int, Outcome]:
        self._is_refused = True
        left = refused.left_microcredits - self._spent_microcredits
        calls = _fitting(prices, left)
        got = self._reserve(sum(prices[:calls])) if calls else refused
        if isinstance(got, Reservation):
            return calls, self._poor(refused)
        if isinstance(got, OverBudget) and left + got.held_microcredits >= prices[0]:
            # Others have it in hand and may not need it all.
            return 0, self.later(got.scope)
        return 0, self._poor(got)

    def later(self, scope: str = "run:") -> Outcome:
        """Say that there is too little in hand now, and when there may be more."""
        soon = self._parts.clock.now() + timedelta(seconds=_OTHERS_DONE_S)
        return replace(_over(scope), retry_at=soon)

    def _poor(self, got: Reservation | OverBudget | BudgetsAway) -> Outcome:
        match got:
            case BudgetsAway(retry_at=retry_at):
                # Without the shared books nothing may be spent: the paid tiers wait.
                return Pending(retry_at)
            case OverBudget(scope=scope):
                return _over(scope)
            case Reservation():
                return Skipped(OVER_BUDGET)

    def _reserve(self, microcredits: int) -> Reservation | OverBudget | BudgetsAway:
        got = self._parts.budgets.reserve(
            self._run.tenant,
            self._caps,
            self._spent_microcredits + microcredits,
            hold_s=4 * self._parts.policies.probes.timeout_s,
            name=self._holder,
        )
        self._reservation = got if isinstance(got, Reservation) else self._reservation
        return got


def spending_caps(parts: Parts, run: RunView) -> Mapping[str, int | None]:
    """Give the cap of every scope that a run's money counts in: its own, and today's."""
    policy = parts.policies.budgets
    caps = (
        run.options.max_cost_microcredits,
        policy.table_day_microcredits,
        policy.tenant_day_microcredits,
    )
    return scopes_of(run.id, run.table, parts.clock.now().date(), caps)


def _over(scope: str) -> Skipped:
    return Skipped(f"{OVER_BUDGET}: {scope.partition(':')[0]}")


def _fitting(prices: Sequence[int], left_microcredits: int) -> int:
    """Count the first calls that together cost no more than what is left."""
    return sum(total <= left_microcredits for total in accumulate(prices))
