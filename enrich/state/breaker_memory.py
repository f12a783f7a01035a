"""The breakers of one process: for tests, for the library alone, and for when Redis is away."""

import logging
import threading
from collections.abc import Mapping, Sequence
from itertools import count

from enrich.domain import breaker as decide
from enrich.domain.breaker_values import (
    Breaker,
    BreakerStatus,
    Change,
    check_policy,
    parse_forced,
)
from enrich.domain.calls import CallReport, Permit
from enrich.domain.keys import provider_of
from enrich.domain.policy import BreakerPolicy
from enrich.ports.outside import Clock, Recorder
from enrich.ports.shared import AuditEntry
from enrich.state.breaker_events import (
    AUDIT_ENTRIES,
    REJECTED_TOTAL,
    announce,
)

__all__ = ["MemoryBreakers"]

log = logging.getLogger(__name__)


class MemoryBreakers:
    """Breakers in the memory of this process; safe for threads.

    Raises `SettingsError` when the policy makes no breaker.
    """

    def __init__(self, policy: BreakerPolicy, *, clock: Clock, recorder: Recorder) -> None:
        for warning in check_policy(policy):
            log.warning(
                "breaker.policy_adjusted",
                extra={"event": "breaker.policy_adjusted", "detail": warning},
            )
        self._policy, self._clock, self._recorder = policy, clock, recorder
        self._lock = threading.Lock()
        self._tokens = count(1)
        self._breakers: dict[str, Breaker] = {}
        self._audit: list[AuditEntry] = []

    def acquire(self, key: str, *, want: int = 1) -> Permit:
        """Ask leave for `want` calls."""
        if not self._policy.enabled:
            return Permit(granted=want)
        with self._lock:
            self._breakers[key], permit, change = decide.acquire(
                self._of(key),
                self._policy,
                want=want,
                token=f"m{next(self._tokens)}",
                now_s=self._now_s(),
            )
        announce(self._recorder, key, change)
        if not permit.granted:
            self._recorder.count(REJECTED_TOTAL, 1, {"provider": provider_of(key)})
        return permit

    def report(self, key: str, permit: Permit, report: CallReport) -> None:
        """Say how the calls went."""
        if not self._policy.enabled:
            return
        with self._lock:
            self._breakers[key], change = decide.report(
                self._of(key), self._policy, permit, report, now_s=self._now_s()
            )
        announce(self._recorder, key, change)

    def status(self, keys: Sequence[str]) -> Mapping[str, BreakerStatus]:
        """Read states; one that nobody used yet is closed."""
        now_s = self._now_s()
        with self._lock:
            return {
                key: decide.status_of(self._of(key), self._policy, key=key, now_s=now_s)
                for key in keys
            }

    def known(self) -> tuple[str, ...]:
        """List the breakers that were used, by name."""
        with self._lock:
            return tuple(sorted(self._breakers))

    def force(
        self, key: str, state: str, *, hold: bool = False, actor: str = "", why: str = ""
    ) -> None:
        """Set a state by hand. Raises `BadInputError`."""
        wanted = parse_forced(state, hold=hold)
        with self._lock:
            self._breakers[key], change = decide.force(
                self._of(key), self._policy, state=wanted, hold=hold, now_s=self._now_s()
            )
            self._note(key, change, hold=hold, actor=actor, why=why)
        announce(self._recorder, key, change, actor=actor)

    def release(self, key: str, *, actor: str = "", why: str = "") -> None:
        """End a hold."""
        with self._lock:
            self._breakers[key], change = decide.release(
                self._of(key), self._policy, now_s=self._now_s()
            )
            if change is not None:
                self._note(key, change, hold=False, actor=actor, why=why)
        announce(self._recorder, key, change, actor=actor)

    def audit(self) -> tuple[AuditEntry, ...]:
        """List the interventions by hand, newest first."""
        with self._lock:
            return tuple(reversed(self._audit))

    def forget(self) -> None:
        """Drop all breakers: what a process alone has counted is void once Redis is back."""
        with self._lock:
            self._breakers.clear()

    def _of(self, key: str) -> Breaker:
        return self._breakers.get(key, Breaker())

    def _note(self, key: str, change: Change, *, hold: bool, actor: str, why: str) -> None:
        entry = AuditEntry(
            at=self._clock.now(),
            actor=actor,
            key=key,
            before=change.before.value,
            after=change.after.value,
            hold=hold,
            why=why,
        )
        self._audit = [*self._audit[1 - AUDIT_ENTRIES :], entry]

    def _now_s(self) -> float:
        return self._clock.now().timestamp()
