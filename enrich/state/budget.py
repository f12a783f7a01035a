"""Caps on spending over all workers, in Redis or Valkey.

One script looks at every scope and puts the money aside in all of them, so no two workers can spend
the same unit. A scope of a day carries its date in its name; nothing here knows days.
"""

import secrets
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TypeAlias

from enrich.domain.paid import Spending
from enrich.errors import BadInputError
from enrich.ports.outside import Clock, Recorder
from enrich.ports.shared import BudgetsAway, OverBudget, Reservation
from enrich.state.link import FALLBACKS_TOTAL, LinkAwayError, RedisLink
from enrich.state.names import key_of

__all__ = ["Ledger", "RedisBudgets", "checked_amount"]

#: Tells what scopes of a tenant have spent and hold.
Ledger: TypeAlias = Callable[[str, Sequence[str]], Mapping[str, Spending]]

#: A scope that nobody touches is forgotten after that, so none may span a longer time.
_SCOPE_TTL_MS = 35 * 24 * 3600 * 1000
#: A commit that is told again counts once for that long: longer than an outage that delays one.
_ENDED_TTL_MS = 48 * 3600 * 1000
_RETRY_S = 5.0
#: The script's word for a scope of which the ledger has to tell first.
_UNKNOWN = -1
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
    """Budgets in Redis; `clock` only says when to ask again while it is away.

    With a `ledger` nothing is reserved in a scope before that has told what was spent in it: so a
    Redis that was emptied costs one question, and no cap is exceeded by it.
    """

    def __init__(
        self,
        link: RedisLink,
        *,
        clock: Clock,
        version: int = 1,
        recorder: Recorder | None = None,
        ledger: Ledger | None = None,
    ) -> None:
        self._link, self._clock, self._version = link, clock, version
        self._recorder, self._ledger = recorder, ledger
        self._lock = threading.Lock()
        # Commits that Redis has not heard of yet, the oldest first. Guarded by the lock.
        self._owed: deque[tuple[str, Reservation, int]] = deque(maxlen=_OWED_COMMITS)

    def reserve(
        self,
        tenant: str,
        caps: Mapping[str, int],
        amount_microcredits: int,
        *,
        hold_s: float,
        name: str = "",
    ) -> Reservation | OverBudget | BudgetsAway:
        """Put money aside in all scopes (scope to cap) or in none; it returns after `hold_s`.

        Raises:
            BadInputError: the amount is negative or beyond 2⁵³.
            DatabaseDownError: the ledger has to be asked and does not answer.
        """
        amount = checked_amount("amount_microcredits", amount_microcredits)
        wanted = Reservation(
            id=name or secrets.token_hex(12),
            amount_microcredits=amount,
            scopes=dict(sorted(caps.items())),
        )
        try:
            self._settle_owed()
            which, left, held = self._asked(tenant, wanted, hold_s)
            if which == _UNKNOWN and self._ledger is not None:
                unknown = [scope for n, scope in enumerate(wanted.scopes) if left >> n & 1]
                self._adopt(tenant, self._ledger(tenant, unknown))
                which, left, held = self._asked(tenant, wanted, hold_s)
        except LinkAwayError as error:
            self._count(error)
            return BudgetsAway(retry_at=self._later())
        if which == _UNKNOWN:  # emptied once more, between two calls
            return BudgetsAway(retry_at=self._later())
        if not which:
            return wanted
        scope, cap = list(wanted.scopes.items())[which - 1]
        return OverBudget(
            scope=scope, cap_microcredits=cap, left_microcredits=left, held_microcredits=held
        )

    def _asked(self, tenant: str, wanted: Reservation, hold_s: float) -> tuple[int, int, int]:
        args = [
            wanted.id,
            wanted.amount_microcredits,
            round(hold_s * 1000),
            _SCOPE_TTL_MS,
            int(self._ledger is not None),
            *wanted.scopes.values(),
        ]
        keys = self._keys(tenant, list(wanted.scopes))
        which, left, held = self._link.run("budget_reserve", keys=keys, args=args, items=3)
        return which, left, held

    def _adopt(self, tenant: str, spendings: Mapping[str, Spending]) -> None:
        for scope, spending in spendings.items():
            holds = (
                field
                for hold in spending.holds
                for field in (hold.id, hold.amount_microcredits, round(hold.left_s * 1000))
            )
            self._link.run(
                "budget_adopt",
                keys=[self._ended_key(tenant), *self._keys(tenant, [scope])],
                args=[_SCOPE_TTL_MS, spending.spent_microcredits, *holds],
            )

    def commit(self, tenant: str, reservation: Reservation, spent_microcredits: int) -> None:
        """Turn what was spent into spending and give back the rest; once for each reservation.

        Of nothing it gives all back, and its name may be used again.

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
        """Lift each scope's spending to at least what the ledger says of those that have ended."""
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
        self._link.run(
            "budget_commit",
            keys=[self._ended_key(tenant), *self._keys(tenant, list(reservation.scopes))],
            args=[
                reservation.id,
                spent,
                _SCOPE_TTL_MS,
                _ENDED_TTL_MS,
                int(self._ledger is not None),
            ],
        )

    def _ended_key(self, tenant: str) -> str:
        return key_of(self._version, "budget-ended", tenant, "all")

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
