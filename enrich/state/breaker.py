"""The breakers that all workers share; decided in Lua, on the server's own clock."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from secrets import token_hex
from typing import Any

from enrich.domain.breaker_values import (
    LONG_WAITS,
    BreakerEvent,
    BreakerState,
    BreakerStatus,
    Change,
    moment_of,
    parse_forced,
)
from enrich.domain.calls import CallReport, Permit, Refusal
from enrich.domain.keys import provider_of
from enrich.domain.policy import BreakerPolicy
from enrich.ports.outside import Clock, Recorder
from enrich.ports.shared import AuditEntry
from enrich.state.breaker_events import (
    AUDIT_ENTRIES,
    REJECTED_TOTAL,
    announce,
)
from enrich.state.breaker_memory import MemoryBreakers
from enrich.state.link import FALLBACKS_TOTAL, LinkAwayError, RedisLink
from enrich.state.names import key_of

__all__ = ["RedisBreakers"]


class RedisBreakers:
    """Breakers in Redis or Valkey, and of this process alone while the server is away.

    The breakers of a process use the same numbers and its own counts; both are dropped as soon as
    the server answers again. `now_s` is for tests: epoch seconds instead of the server's clock.
    Raises `SettingsError` when the policy makes no breaker.
    """

    def __init__(
        self,
        link: RedisLink,
        policy: BreakerPolicy,
        *,
        clock: Clock,
        recorder: Recorder,
        version: int = 1,
        now_s: Callable[[], float] | None = None,
    ) -> None:
        self._link, self._policy, self._recorder = link, policy, recorder
        self._version, self._now_s = version, now_s
        self._index = key_of(version, "breakers", "", "all")
        self._audit = key_of(version, "breakers", "", "audit")
        self._numbers = _numbers(policy)
        self._alone = MemoryBreakers(policy, clock=clock, recorder=recorder)
        self._is_alone = False

    def acquire(self, key: str, *, want: int = 1) -> Permit:
        """Ask leave for `want` calls, in one round trip."""
        if not self._policy.enabled:
            return Permit(granted=want)
        token = token_hex(8)
        try:
            granted, generation, refusal, retry_ms, change = self._run(
                "breaker_acquire", key, want, token
            )
        except LinkAwayError as error:
            return self._fallback(error).acquire(key, want=want)
        self._back()
        announce(self._recorder, key, _change(change))
        if granted:
            return Permit(granted=granted, generation=generation, token=token)
        self._recorder.count(REJECTED_TOTAL, 1, {"provider": provider_of(key)})
        return Permit(
            granted=0,
            generation=generation,
            refusal=Refusal(refusal.decode()),
            retry_at=_moment(retry_ms),
        )

    def report(self, key: str, permit: Permit, report: CallReport) -> None:
        """Say how the calls went, in one round trip."""
        if not self._policy.enabled:
            return
        try:
            change = self._run("breaker_report", key, *_report_args(self._policy, permit, report))
        except LinkAwayError as error:
            self._fallback(error).report(key, permit, report)
            return
        self._back()
        announce(self._recorder, key, _change(change))

    def status(self, keys: Sequence[str]) -> Mapping[str, BreakerStatus]:
        """Read states in one round trip; of a breaker that nobody used lately: closed."""
        if not keys:
            return {}
        try:
            rows = self._link.run(
                "breaker_status",
                keys=[self._name(key) for key in keys],
                args=(self._now_ms(), "", *self._numbers),
            )
        except LinkAwayError as error:
            return self._fallback(error).status(keys)
        return {key: _status(key, row) for key, row in zip(keys, rows, strict=True)}

    def known(self) -> tuple[str, ...]:
        """List the breakers that were used within a day, are open or held."""
        try:
            names: Any = self._link.do(lambda client: client.zrange(self._index, 0, -1))
        except LinkAwayError as error:
            return self._fallback(error).known()
        return tuple(sorted(name.decode() for name in names))

    def force(
        self, key: str, state: str, *, hold: bool = False, actor: str = "", why: str = ""
    ) -> None:
        """Set a state by hand, for all workers.

        Raises:
            BadInputError: it is no state, or one that cannot be held.
            LinkAwayError: nothing was set; this process alone would not be what was asked for.
        """
        event = f"forced_{parse_forced(state, hold=hold)}"
        self._by_hand(key, event, hold=hold, actor=actor, why=why)

    def release(self, key: str, *, actor: str = "", why: str = "") -> None:
        """End a hold, for all workers. Raises `LinkAwayError`: nothing was changed."""
        self._by_hand(key, BreakerEvent.RELEASED.value, hold=False, actor=actor, why=why)

    def audit(self) -> tuple[AuditEntry, ...]:
        """Tell what was set by hand lately, newest first; without Redis: in this process."""
        try:
            rows: Any = self._link.do(
                lambda client: client.xrevrange(self._audit, count=AUDIT_ENTRIES)
            )
        except LinkAwayError as error:
            return self._fallback(error).audit()
        return tuple(_audit_entry(fields) for _, fields in rows)

    def _by_hand(self, key: str, event: str, *, hold: bool, actor: str, why: str) -> None:
        change = self._run("breaker_force", key, event, int(hold), actor, AUDIT_ENTRIES, why)
        announce(self._recorder, key, _change(change), actor=actor)

    def _run(self, name: str, key: str, *args: Any) -> Any:
        return self._link.run(
            name,
            keys=(self._name(key), self._index, self._audit),
            args=(self._now_ms(), key, *self._numbers, *args),
        )

    def _name(self, key: str) -> str:
        return key_of(self._version, "breaker", "", key)

    def _now_ms(self) -> int | str:
        return "" if self._now_s is None else round(self._now_s() * 1000)

    def _fallback(self, error: LinkAwayError) -> MemoryBreakers:
        self._is_alone = True
        self._recorder.count(FALLBACKS_TOTAL, 1, {"part": "breakers", "reason": error.reason})
        return self._alone

    def _back(self) -> None:
        if self._is_alone:
            self._is_alone = False
            self._alone.forget()


def _numbers(policy: BreakerPolicy) -> tuple[int, str]:
    others = (
        policy.failure_threshold,
        policy.minimum_requests,
        policy.success_threshold,
        round(policy.reset_s * 1000),
        round(policy.permit_s * 1000),
        round(policy.max_reset_s * 1000),
        policy.backoff,
        "-" if policy.failure_rate is None else policy.failure_rate,
    )
    return policy.window_s, " ".join(map(str, others))


def _report_args(
    policy: BreakerPolicy, permit: Permit, report: CallReport
) -> tuple[int | str, ...]:
    trip, until_ms, default_ms, cap_ms = "", 0, 0, 0
    if report.trip is not None:
        wait = LONG_WAITS[report.trip]
        trip = report.trip.value
        until_ms = round(report.trip_until.timestamp() * 1000) if report.trip_until else 0
        default_s = -policy.credits_retry_s if wait.default_s is None else wait.default_s
        default_ms = round(default_s * 1000)
        cap_ms = round(wait.cap_s * 1000)
    return (
        permit.granted,
        permit.generation,
        permit.token,
        report.successes,
        report.failures + report.slow,
        trip,
        until_ms,
        default_ms,
        cap_ms,
    )


def _change(raw: Sequence[Any]) -> Change | None:
    if not raw:
        return None
    event, before, after, reason, successes, failures, retry_ms = raw
    return Change(
        event=BreakerEvent(event.decode()),
        before=BreakerState(before.decode()),
        after=BreakerState(after.decode()),
        reason=Refusal(reason.decode()),
        successes=successes,
        failures=failures,
        retry_at=_moment(retry_ms),
    )


def _status(key: str, raw: Sequence[Any]) -> BreakerStatus:
    state, successes, failures, retry_ms, reason, held = raw
    return BreakerStatus(
        key=key,
        state=state.decode(),
        successes=successes,
        failures=failures,
        retry_at=_moment(retry_ms),
        reason=reason.decode(),
        held=bool(held),
    )


def _audit_entry(fields: Mapping[bytes, bytes]) -> AuditEntry:
    return AuditEntry(
        at=datetime.fromtimestamp(int(fields[b"at_ms"]) / 1000, UTC),
        actor=fields[b"actor"].decode(),
        key=fields[b"key"].decode(),
        before=fields[b"before"].decode(),
        after=fields[b"after"].decode(),
        hold=fields[b"hold"] == b"1",
        why=fields.get(b"why", b"").decode(),  # entries of before it was asked have none
    )


def _moment(at_ms: int) -> datetime | None:
    return None if at_ms < 0 else moment_of(at_ms / 1000)
