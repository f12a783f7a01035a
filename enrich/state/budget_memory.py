"""Caps on spending of one process: the twin of the one in Redis, with the same rules."""

import secrets
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from enrich.ports.outside import Clock
from enrich.ports.shared import OverBudget, Reservation
from enrich.state.budget import checked_amount

__all__ = ["MemoryBudgets"]

#: As in Redis: a commit that is told again counts once for that long.
_ENDED_S = 48 * 3600.0


@dataclass(slots=True)
class _Account:
    spent: int = 0
    #: By reservation: how much, and the moment it returns.
    holds: dict[str, tuple[int, float]] = field(default_factory=dict)

    def reserved(self, now_s: float, *, but: str = "") -> int:
        """Forget what dead holders put aside, and add up the rest, but for one reservation."""
        self.holds = {name: hold for name, hold in self.holds.items() if hold[1] > now_s}
        return sum(amount for name, (amount, _) in self.holds.items() if name != but)


class MemoryBudgets:
    """Budgets of this process alone."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        # Both guarded by the lock.
        self._accounts: dict[tuple[str, str], _Account] = {}
        self._ended: dict[str, float] = {}

    def reserve(
        self,
        tenant: str,
        caps: Mapping[str, int],
        amount_microcredits: int,
        *,
        hold_s: float,
        name: str = "",
    ) -> Reservation | OverBudget:
        """Put money aside in all scopes (scope to cap) or in none; it returns after `hold_s`.

        Raises:
            BadInputError: the amount is negative or beyond 2⁵³.
        """
        amount = checked_amount("amount_microcredits", amount_microcredits)
        name = name or secrets.token_hex(12)
        with self._lock:
            now_s = self._clock.monotonic_s()
            for scope, cap in sorted(caps.items()):
                account = self._account(tenant, scope)
                held = account.reserved(now_s, but=name)
                left = cap - account.spent - held
                if left < amount:
                    return OverBudget(
                        scope=scope,
                        cap_microcredits=cap,
                        left_microcredits=left,
                        held_microcredits=held,
                    )
            for scope in caps:
                self._account(tenant, scope).holds[name] = (amount, now_s + hold_s)
        return Reservation(id=name, amount_microcredits=amount, scopes=dict(sorted(caps.items())))

    def commit(self, tenant: str, reservation: Reservation, spent_microcredits: int) -> None:
        """Turn what was spent into spending and give back the rest; once for each reservation.

        Of nothing it gives all back, and its name may be used again.

        Raises:
            BadInputError: the amount is negative or beyond 2⁵³.
        """
        spent = checked_amount("spent_microcredits", spent_microcredits)
        with self._lock:
            now_s = self._clock.monotonic_s()
            self._ended = {name: at_s for name, at_s in self._ended.items() if at_s > now_s}
            if reservation.id in self._ended:
                return
            if spent:
                self._ended[reservation.id] = now_s + _ENDED_S
            for scope in reservation.scopes:
                account = self._account(tenant, scope)
                account.holds.pop(reservation.id, None)
                account.spent += spent

    def spent(self, tenant: str, scopes: Sequence[str]) -> Mapping[str, tuple[int, int]]:
        """Give spent and reserved by scope."""
        with self._lock:
            now_s = self._clock.monotonic_s()
            accounts = {scope: self._account(tenant, scope) for scope in scopes}
            return {name: (one.spent, one.reserved(now_s)) for name, one in accounts.items()}

    def restore(self, tenant: str, spent: Mapping[str, int]) -> None:
        """Lift each scope's spending to at least what the ledger says."""
        with self._lock:
            for scope, amount in spent.items():
                account = self._account(tenant, scope)
                account.spent = max(account.spent, amount)

    def _account(self, tenant: str, scope: str) -> _Account:
        return self._accounts.setdefault((tenant, scope), _Account())
