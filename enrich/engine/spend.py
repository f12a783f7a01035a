"""Money for the calls of one probe: put aside before, counted after."""

from enrich.domain.outcome import Outcome, Pending, Skipped
from enrich.domain.provider import ProviderSpec
from enrich.domain.run import RunView
from enrich.engine.parts import Parts
from enrich.ports import BudgetsAway, OverBudget, Reservation

__all__ = ["Purse"]


#: What may be spent where there is no limit; the spending is counted all the same.
_NO_CAP = 2**53


class Purse:
    """What one probe may spend, in the scopes of its run.

    `open` puts aside the price of as many calls as fit; `close` books what was spent and gives the
    rest back. A probe that dies in between loses its reservation to its time limit.
    """

    def __init__(self, parts: Parts, run: RunView, spec: ProviderSpec) -> None:
        self._parts, self._run, self._price = parts, run, spec.price_microcredits
        self._reservation: Reservation | None = None

    def open(self, calls: int) -> tuple[int, Outcome]:
        """Say how many of the calls may be made, and what becomes of the others."""
        poor: Outcome = Skipped("over budget")
        if not calls or not self._price:
            return calls, poor
        got = self._reserve(calls)
        if isinstance(got, OverBudget) and got.left_microcredits >= self._price:
            calls = min(calls, got.left_microcredits // self._price)
            got = self._reserve(calls)
        match got:
            case Reservation():
                self._reservation = got
                return calls, poor
            case OverBudget(scope=scope):
                return 0, Skipped(f"over budget: {scope.partition(':')[0]}")
            case BudgetsAway(retry_at=retry_at):
                # Without the shared books nothing may be spent: the paid tiers wait.
                return 0, Pending(retry_at)

    def close(self, spent_microcredits: int) -> None:
        """Book what the calls cost."""
        if self._reservation is not None:
            self._parts.budgets.commit(self._run.tenant, self._reservation, spent_microcredits)

    def _reserve(self, calls: int) -> Reservation | OverBudget | BudgetsAway:
        return self._parts.budgets.reserve(
            self._run.tenant,
            self._caps(),
            calls * self._price,
            hold_s=4 * self._parts.policies.probes.timeout_s,
        )

    def _caps(self) -> dict[str, int]:
        """Name every scope that the money counts in: the run, and the day of table and tenant."""
        policy, run = self._parts.policies.budgets, self._run
        day = self._parts.clock.now().date().isoformat()
        caps = {
            f"run:{run.id}": run.options.max_cost_microcredits,
            f"table:{run.table}:{day}": policy.table_day_microcredits,
            f"tenant:{day}": policy.tenant_day_microcredits,
        }
        return {scope: _NO_CAP if cap is None else cap for scope, cap in caps.items()}
