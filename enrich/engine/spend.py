"""Money for the calls of one probe: put aside before, counted after."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from itertools import accumulate

from enrich.domain.outcome import Outcome, Pending, Skipped
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
_OTHERS_DONE_S = 2.0


class Purse:
    """What one probe may spend, in the scopes of its run.

    `open` puts aside the most that as many calls as fit may cost; `close` books what was spent and
    gives the rest back. A probe that dies in between loses its reservation to its time limit.
    """

    def __init__(self, parts: Parts, run: RunView, spec: ProviderSpec, *, holder: str = "") -> None:
        self._parts, self._run, self._spec, self._holder = parts, run, spec, holder
        self._reservation: Reservation | None = None

    def open(self, inputs: Sequence[JsonObject]) -> tuple[int, Outcome]:
        """Say how many of the calls with these inputs may be made, and what the others get."""
        prices = [self._spec.most_for(each) for each in inputs]
        poor: Outcome = Skipped("over budget")
        if not sum(prices):
            return len(prices), poor
        got = self._reserve(sum(prices))
        calls = len(prices)
        if isinstance(got, OverBudget) and (fit := _fitting(prices, got.left_microcredits)):
            calls, got = fit, self._reserve(sum(prices[:fit]))
        match got:
            case Reservation():
                self._reservation = got
                return calls, poor
            case OverBudget(scope=scope, left_microcredits=left, held_microcredits=held):
                if left + held >= prices[0]:
                    # Others have it in hand and may not need it all.
                    soon = self._parts.clock.now() + timedelta(seconds=_OTHERS_DONE_S)
                    return 0, Pending(soon)
                return 0, Skipped(f"over budget: {scope.partition(':')[0]}")
            case BudgetsAway(retry_at=retry_at):
                # Without the shared books nothing may be spent: the paid tiers wait.
                return 0, Pending(retry_at)

    def close(self, spent_microcredits: int) -> None:
        """Book what the calls cost."""
        if self._reservation is not None:
            self._parts.budgets.commit(self._run.tenant, self._reservation, spent_microcredits)

    def _reserve(self, microcredits: int) -> Reservation | OverBudget | BudgetsAway:
        return self._parts.budgets.reserve(
            self._run.tenant,
            self._caps(),
            microcredits,
            hold_s=4 * self._parts.policies.probes.timeout_s,
            name=self._holder,
        )

    def _caps(self) -> dict[str, int]:
        caps = spending_caps(self._parts, self._run)
        return {scope: _NO_CAP if cap is None else cap for scope, cap in caps.items()}


def spending_caps(parts: Parts, run: RunView) -> Mapping[str, int | None]:
    """Give the cap of every scope that a run's money counts in: its own, and today's."""
    policy = parts.policies.budgets
    caps = (
        run.options.max_cost_microcredits,
        policy.table_day_microcredits,
        policy.tenant_day_microcredits,
    )
    return scopes_of(run.id, run.table, parts.clock.now().date(), caps)


def _fitting(prices: Sequence[int], left_microcredits: int) -> int:
    """Count the first calls that together cost no more than what is left."""
    return sum(total <= left_microcredits for total in accumulate(prices))
