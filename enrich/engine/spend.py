"""Money for the calls of one probe: put aside before, counted after."""

from datetime import timedelta

from enrich.domain.outcome import Outcome, Pending, Skipped
from enrich.domain.provider import ProviderSpec
from enrich.domain.run import RunView
from enrich.engine.parts import Parts
from enrich.ports import OverBudget, Reservation

__all__ = ["Purse"]


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
        caps = self._caps()
        if not calls or not self._price or not caps:
            return calls, poor
        got = self._reserve(caps, calls)
        if isinstance(got, OverBudget) and got.left_microcredits >= self._price:
            calls = min(calls, got.left_microcredits // self._price)
            got = self._reserve(caps, calls)
        if isinstance(got, Reservation):
            self._reservation = got
            return calls, poor
        if isinstance(got, OverBudget):
            return 0, Skipped(f"over budget: {got.scope.partition(':')[0]}")
        # Without the shared books nothing may be spent: the paid tiers wait.
        return 0, Pending(self._parts.clock.now() + timedelta(seconds=30))

    def close(self, spent_microcredits: int) -> None:
        """Book what the calls cost."""
        if self._reservation is not None:
            self._parts.budgets.commit(self._run.tenant, self._reservation, spent_microcredits)

    def _caps(self) -> dict[str, int]:
        cap = self._run.options.max_cost_microcredits
        return {} if cap is None else {f"run:{self._run.id}": cap}

    def _reserve(self, caps: dict[str, int], calls: int) -> Reservation | OverBudget | None:
        return self._parts.budgets.reserve(
            self._run.tenant,
            caps,
            calls * self._price,
            hold_s=4 * self._parts.policies.probes.timeout_s,
        )
