"""Leases among the threads of one process: for when Redis is away, and for tests."""

import secrets
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from enrich.domain.policy import SingleflightPolicy
from enrich.ports.outside import Clock
from enrich.ports.shared import Claim

__all__ = ["MemoryLeases"]

_END_MARK_S = 10.0
_POLL_S = 0.05

_Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class _Lease:
    token: str
    taken_at_s: float
    ends_at_s: float


class MemoryLeases:
    """The same rules as in Redis; `clock` says when a lease runs out and how long a wait lasts."""

    def __init__(self, policy: SingleflightPolicy, *, clock: Clock) -> None:
        self._policy, self._clock = policy, clock
        self._changed = threading.Condition()
        # All guarded by the condition. An end mark is an error and the moment it is forgotten.
        self._leases: dict[_Key, _Lease] = {}
        self._marks: dict[_Key, tuple[str, float]] = {}
        self._fence = 0
        self._waiters = 0

    def claim(self, tenant: str, names: Sequence[str], *, lease_s: float) -> Claim:
        """Become leader where nobody is."""
        token = secrets.token_hex(16)
        with self._changed:
            now_s = self._clock.monotonic_s()
            self._forget_what_ended(now_s)
            mine = [name for name in names if (tenant, name) not in self._leases]
            for name in mine:
                self._leases[tenant, name] = _Lease(token, now_s, now_s + lease_s)
                self._marks.pop((tenant, name), None)
            fence = self._next_fence() if mine else 0
        return Claim(led=dict.fromkeys(mine, fence), held=frozenset(names) - set(mine), token=token)

    def renew(self, tenant: str, claim: Claim, *, lease_s: float) -> frozenset[str]:
        """Extend, up to `policy.max_hold_s` from the claim; gives the names that are still ours."""
        with self._changed:
            now_s = self._clock.monotonic_s()
            ours = set()
            for key in self._of(tenant, claim):
                lease = self._leases[key]
                last_s = lease.taken_at_s + self._policy.max_hold_s
                if now_s < last_s:
                    self._leases[key] = replace(lease, ends_at_s=min(now_s + lease_s, last_s))
                    ours.add(key[1])
            return frozenset(ours)

    def release(self, tenant: str, claim: Claim, *, error: str = "") -> frozenset[str]:
        """Let go and wake the waiters; gives the names that were still ours."""
        with self._changed:
            forgotten_at_s = self._clock.monotonic_s() + _END_MARK_S
            ours = self._of(tenant, claim)
            for key in ours:
                del self._leases[key]
                if error:
                    self._marks[key] = (error, forgotten_at_s)
            self._changed.notify_all()
            return frozenset(name for _, name in ours)

    def wait(self, tenant: str, names: Sequence[str], *, timeout_s: float) -> Mapping[str, str]:
        """Wait until each is released or its lease ran out; name to error.

        Names still held at the timeout, or because too many wait already, are not in the answer.
        """
        ended: dict[str, str] = {}
        with self._changed:
            until_s = self._clock.monotonic_s() + timeout_s
            seated = self._waiters < self._policy.max_waiters
            self._waiters += seated
            try:
                while True:
                    ended |= self._look(tenant, [name for name in names if name not in ended])
                    left_s = until_s - self._clock.monotonic_s()
                    if len(ended) == len(set(names)) or left_s <= 0 or not seated:
                        return ended
                    self._changed.wait(min(left_s, _POLL_S))
            finally:
                self._waiters -= seated

    def __len__(self) -> int:
        """Count leases and end marks that are kept."""
        with self._changed:
            self._forget_what_ended(self._clock.monotonic_s())
            return len(self._leases) + len(self._marks)

    def _look(self, tenant: str, names: Iterable[str]) -> dict[str, str]:
        self._forget_what_ended(self._clock.monotonic_s())
        return {
            name: self._marks.get((tenant, name), ("", 0.0))[0]
            for name in names
            if (tenant, name) not in self._leases
        }

    def _of(self, tenant: str, claim: Claim) -> list[_Key]:
        self._forget_what_ended(self._clock.monotonic_s())
        keys = [(tenant, name) for name in claim.led]
        return [key for key in keys if self._is_of(key, claim.token)]

    def _is_of(self, key: _Key, token: str) -> bool:
        lease = self._leases.get(key)
        return lease is not None and lease.token == token

    def _forget_what_ended(self, now_s: float) -> None:
        for key in [key for key, lease in self._leases.items() if lease.ends_at_s <= now_s]:
            del self._leases[key]
        for key in [key for key, mark in self._marks.items() if mark[1] <= now_s]:
            del self._marks[key]

    def _next_fence(self) -> int:
        # Like in Redis: time under the counter, so that fences of a later process are higher.
        self._fence = max(self._fence + 1, int(self._clock.now().timestamp() * 1000) << 10)
        return self._fence
