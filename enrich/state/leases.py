"""Singleflight over all workers: one leader a name, the others wait.

A waiter is woken by a message and polls behind it, so a lost message costs one poll. A name is led
by at most one claim at a time as long as nobody outlives a lease; who does finds the fence of its
writes too old. Renewal is a call of the working task itself and never of a thread beside it, so no
lease outlives its work by more than its own length.
"""

import random
import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from enrich.domain.policy import SingleflightPolicy
from enrich.ports.shared import Claim
from enrich.state.link import RedisLink
from enrich.state.names import key_of, keys_of
from enrich.state.subscription import Subscription

__all__ = ["RedisLeases", "poll_pause_s"]

_CHUNK = 1000
_END_MARK_TTL_MS = 10_000
_FENCE_TTL_MS = 30 * 24 * 3600 * 1000
_YES = ord("1")
_POLL_S = 0.3
_POLL_JITTER = 0.2


def poll_pause_s(draw: float) -> float:
    """Say how long a waiter pauses between two looks: 0.3 s ± 20 %; `draw` is within 0 and 1."""
    return _POLL_S * (1.0 + _POLL_JITTER * (2.0 * draw - 1.0))


class RedisLeases:
    """Leases in Redis or Valkey; every method raises `LinkAwayError` when it is away.

    At most `policy.max_waiters` threads of a process wait at once, so that waiting never takes all
    slots of a worker. One more is told at once that its names are still held, and puts its work
    back: asking again at once would only spin.
    """

    def __init__(
        self,
        link: RedisLink,
        policy: SingleflightPolicy,
        *,
        version: int = 1,
        draw: Callable[[], float] = random.random,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._link, self._policy, self._version = link, policy, version
        self._draw, self._now_s = draw, now_s
        self._seats = threading.BoundedSemaphore(policy.max_waiters)

    def claim(self, tenant: str, names: Sequence[str], *, lease_s: float) -> Claim:
        """Become leader where nobody is."""
        token = secrets.token_hex(16)
        led: dict[str, int] = {}
        counter = key_of(self._version, "fence", tenant, "all")
        for chunk in _chunks(names):
            fence, won = self._link.run(
                "lease_claim",
                keys=[counter, *self._leases(tenant, chunk), *self._marks(tenant, chunk)],
                args=[token, _ms(lease_s), _FENCE_TTL_MS],
                items=2,
            )
            led |= dict.fromkeys(self._named(chunk, won), fence)
        return Claim(led=led, held=frozenset(names).difference(led), token=token)

    def renew(self, tenant: str, claim: Claim, *, lease_s: float) -> frozenset[str]:
        """Extend, up to `policy.max_hold_s` from the claim; gives the names that are still ours."""
        args = [claim.token, _ms(lease_s), _ms(self._policy.max_hold_s)]
        ours: set[str] = set()
        for chunk in _chunks(sorted(claim.led)):
            keys = self._leases(tenant, chunk)
            ours.update(self._named(chunk, self._link.run("lease_renew", keys=keys, args=args)))
        return frozenset(ours)

    def release(self, tenant: str, claim: Claim, *, error: str = "") -> frozenset[str]:
        """Let go and wake the waiters; gives the names that were still ours."""
        ours: set[str] = set()
        for chunk in _chunks(sorted(claim.led)):
            keys = self._leases(tenant, chunk)
            if error:
                keys += self._marks(tenant, chunk)
            args = [claim.token, error, _END_MARK_TTL_MS]
            ours.update(self._named(chunk, self._link.run("lease_release", keys=keys, args=args)))
        return frozenset(ours)

    def wait(self, tenant: str, names: Sequence[str], *, timeout_s: float) -> Mapping[str, str]:
        """Wait until each is released or its lease ran out; name to error.

        Names still held at the timeout, or because too many wait already, are not in the answer.
        """
        ended = self._look(tenant, names)
        left = [name for name in names if name not in ended]
        if left and self._seats.acquire(blocking=False):
            try:
                ended |= self._wait(tenant, left, self._now_s() + timeout_s)
            finally:
                self._seats.release()
        return ended

    def _wait(self, tenant: str, names: list[str], until_s: float) -> dict[str, str]:
        ended: dict[str, str] = {}
        with Subscription(self._link, self._leases(tenant, names)) as subscription:
            # Looked at once more now that no message can be missed.
            while left := [name for name in names if name not in ended]:
                ended |= self._look(tenant, left)
                left_s = until_s - self._now_s()
                if len(ended) == len(names) or left_s <= 0:
                    break
                subscription.wait(min(left_s, poll_pause_s(self._draw())))
        return ended

    def _look(self, tenant: str, names: Sequence[str]) -> dict[str, str]:
        ended: dict[str, str] = {}
        for chunk in _chunks(names):
            keys = [*self._leases(tenant, chunk), *self._marks(tenant, chunk)]
            seen = self._link.run("lease_look", keys=keys, items=len(chunk))
            ended |= {
                name: error.decode()
                for name, error in zip(chunk, seen, strict=True)
                if error is not None
            }
        return ended

    def _named(self, names: Sequence[str], digits: Any) -> list[str]:
        """Give the names whose digit is 1."""
        if type(digits) is not bytes or len(digits) != len(names):
            raise self._link.garbled("a list of leases has another length")
        return [name for name, digit in zip(names, digits, strict=True) if digit == _YES]

    def _leases(self, tenant: str, names: Sequence[str]) -> list[str]:
        return keys_of(self._version, "lease", tenant, names)

    def _marks(self, tenant: str, names: Sequence[str]) -> list[str]:
        return keys_of(self._version, "lease-end", tenant, names)


def _chunks(names: Sequence[str]) -> list[Sequence[str]]:
    return [names[at : at + _CHUNK] for at in range(0, len(names), _CHUNK)]


def _ms(seconds: float) -> int:
    return max(1, round(seconds * 1000))
