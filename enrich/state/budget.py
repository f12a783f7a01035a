"""Caps on spending over all workers, in Redis or Valkey.

One script looks at every scope and puts the money aside in all of them, so no two workers can spend
the same unit. A scope of a day carries its date in its name; nothing here knows days.
"""

import secrets
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from enrich.errors import BadInputError
from enrich.ports.outside import Clock, Recorder
from enrich.ports.shared import BudgetsAway, OverBudget, Reservation
from enrich.state.link import FALLBACKS_TOTAL, LinkAwayError, RedisLink
from enrich.state.names import key_of

__all__ = ["RedisBudgets", "checked_amount"]

#: A scope that nobody touches is forgotten after that, so none may span a longer time.
_SCOPE_TTL_MS = 35 * 24 * 3600 * 1000
#: A commit that is told again counts once for that long: longer than an outage that delays one.
_ENDED_TTL_MS = 48 * 3600 * 1000
_RETRY_S = 5.0
_OWED_COMMITS = 10_000


def checked_amount(field: str, microcredits: int) -> int:
    """Give the amount back.

    Raises:
        BadInputError: it is negative, or too large to be counted exactly in a script.
    """
    if not 0 <= microcredits < 2**53:
        raise BadInputError(field, f"must be within 0 and 2⁵³ micro-credits, not {microcredits}")
    return microcredits


class RedisBudgets:
    """Budgets in Redis; `clock` only says when to ask again while it is away."""

    def __init__(
        self, link: RedisLink, *, clock: Clock, version: int = 1, recorder: Recorder | None = None
    ) -> None:
        self._link, self._clock, self._version = link, clock, version
        self._recorder = recorder
        self._lock = threading.Lock()
        # Commits that Redis has not heard of yet, the oldest first. Guarded by the lock.
        self._owed: deque[tuple[str, Reservation, int]] = deque(maxlen=_OWED_COMMITS)

    def reserve(
        self, tenant: str, caps: Mapping[str, int], amount_microcredits: int, *, hold_s: float
    ) -> Reservation | OverBudget | BudgetsAway:
        """Put money aside in all scopes (scope to cap) or in none; it returns after `hold_s`.

        Raises:
            BadInputError: the amount is negative or beyond 2⁵³.
        """
        amount = checked_amount("amount_microcredits", amount_microcredits)
        wanted = Reservation(
            id=secrets.token_hex(12), amount_microcredits=amount, scopes=dict(sorted(caps.items()))
        )
        args = [wanted.id, amount, round(hold_s * 1000), _SCOPE_TTL_MS, *wanted.scopes.values()]
        try:
            self._settle_owed()
            which, left = self._link.run(
                "budget_reserve", keys=self._keys(tenant, list(wanted.scopes)), args=args, items=2
            )
        except LinkAwayError as error:
            self._count(error)
            return BudgetsAway(retry_at=self._later())
        if not which:
            return wanted
        scope, cap = list(wanted.scopes.items())[which - 1]
        return OverBudget(scope=scope, cap_microcredits=cap, left_microcredits=left)

    def commit(self, tenant: str, reservation: Reservation, spent_microcredits: int) -> None:
        """Turn what was spent into spending and give back the rest; once for each reservation.

        Raises:
            BadInputError: the amount is negative or beyond 2⁵³.
        """
        spent = checked_amount("spent_microcredits", spent_microcredits)
        with self._lock:
            self._owed.append((tenant, reservation, spent))
        try:
            self._settle_owed()
        except LinkAwayError as error:
            self._count(error)

    def spent(self, tenant: str, scopes: Sequence[str]) -> Mapping[str, tuple[int, int]]:
        """Give spent and reserved by scope.

        Raises:
            LinkAwayError: nobody can tell now.
        """
        self._settle_owed()
        reply = self._link.run(
            "budget_spent", keys=self._keys(tenant, scopes), items=2 * len(scopes)
        )
        figures = [int(figure) for figure in reply]
        return dict(zip(scopes, zip(figures[::2], figures[1::2], strict=True), strict=True))

    def restore(self, tenant: str, spent: Mapping[str, int]) -> None:
        """Lift each scope's spending to at least what the ledger says, after Redis lost it."""
        keys = self._keys(tenant, list(spent))[::2]
        try:
            self._link.run("budget_restore", keys=keys, args=[_SCOPE_TTL_MS, *spent.values()])
        except LinkAwayError as error:
            self._count(error)

    def _settle_owed(self) -> None:
        while True:
            with self._lock:
                if not self._owed:
                    return
                owed = self._owed.popleft()
            try:
                self._commit(*owed)
            except LinkAwayError:
                with self._lock:
                    self._owed.appendleft(owed)
                raise

    def _commit(self, tenant: str, reservation: Reservation, spent: int) -> None:
        ended = key_of(self._version, "budget-ended", tenant, "all")
        self._link.run(
            "budget_commit",
            keys=[ended, *self._keys(tenant, list(reservation.scopes))],
            args=[reservation.id, spent, _SCOPE_TTL_MS, _ENDED_TTL_MS],
        )

    def _keys(self, tenant: str, scopes: Sequence[str]) -> list[str]:
        return [
            key_of(self._version, kind, tenant, scope)
            for scope in scopes
            for kind in ("budget", "budget-holds")
        ]

    def _later(self) -> datetime:
        return self._clock.now() + timedelta(seconds=_RETRY_S)

    def _count(self, error: LinkAwayError) -> None:
        if self._recorder is not None:
            self._recorder.count(FALLBACKS_TOTAL, 1, {"part": "budgets", "reason": error.reason})
