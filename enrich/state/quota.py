"""How many requests a tenant may send: one bucket each, over all processes."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from enrich.ports.outside import Recorder
from enrich.state.link import FALLBACKS_TOTAL, LinkAwayError, RedisLink
from enrich.state.names import key_of

__all__ = ["Allowance", "RedisQuota"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """What a request was told: whether it is taken, and how the bucket stands.

    `retry_s` is 0 for a request that was taken.
    """

    taken: bool
    limit: int
    left: int
    full_in_s: float
    retry_s: float = 0.0


class RedisQuota:
    """Takes requests from a tenant's rate: `allowed` of them in any `window_s`, and bursts thereof.

    Without Redis every request is taken: a limit that nobody can count protects nothing.
    """

    def __init__(
        self,
        link: RedisLink,
        *,
        allowed: int,
        window_s: float,
        recorder: Recorder,
        version: int = 1,
    ) -> None:
        self._link, self._recorder, self._version = link, recorder, version
        self._allowed, self._window_s = allowed, window_s

    def take_all(self, tenants: Sequence[str]) -> Sequence[Allowance]:
        """Take a request for each of these, in one round trip for those of one tenant."""
        left = {tenant: iter(self._shares(tenant, n)) for tenant, n in Counter(tenants).items()}
        return [next(left[tenant]) for tenant in tenants]

    def _shares(self, tenant: str, count: int) -> Sequence[Allowance]:
        last = self.take(tenant, count)
        if last.taken:
            # Without Redis nothing is counted: no more are left than there may be.
            return [replace(last, left=min(last.limit, last.left + n)) for n in range(count)[::-1]]
        told: list[Allowance] = []
        while len(told) < count and (not told or told[-1].taken):
            told.append(self.take(tenant))
        # Whoever comes after one who was refused is refused as well.
        return told + told[-1:] * (count - len(told))

    def take(self, tenant: str, count: int = 1) -> Allowance:
        """Take so many requests or none, in one round trip."""
        key = key_of(self._version, "quota", tenant, "requests")
        try:
            taken, left, full_ms, retry_ms = self._link.run(
                "quota", keys=(key,), args=(self._allowed, round(self._window_s * 1000), count)
            )
        except LinkAwayError as error:
            labels = {"part": "quota", "reason": error.reason}
            self._recorder.count(FALLBACKS_TOTAL, 1, labels)
            return Allowance(
                taken=True, limit=self._allowed, left=self._allowed, full_in_s=self._window_s
            )
        return Allowance(
            taken=bool(taken),
            limit=self._allowed,
            left=left,
            full_in_s=full_ms / 1000,
            retry_s=retry_ms / 1000,
        )
