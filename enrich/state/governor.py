"""The rate limits that all workers share; booked in Lua, on the server's own clock."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from enrich.domain.keys import digest
from enrich.domain.rate import RateLimit, Slots
from enrich.ports.outside import Clock, Recorder
from enrich.state.governor_memory import MemoryGovernor, in_us
from enrich.state.link import FALLBACKS_TOTAL, LinkAwayError, RedisLink
from enrich.state.names import key_of

__all__ = ["REFUSED_TOTAL", "RedisGovernor"]

REFUSED_TOTAL = "enrich_governor_refused_total"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class RedisGovernor:
    """One governor a provider key, over all workers; without Redis, this process's share of it.

    `processes` is how many processes share a limit while the server is away. `now_us` is for tests:
    epoch microseconds instead of the server's clock.
    """

    def __init__(
        self,
        link: RedisLink,
        *,
        clock: Clock,
        recorder: Recorder,
        version: int = 1,
        processes: int = 1,
        now_us: Callable[[], int] | None = None,
    ) -> None:
        self._link, self._recorder = link, recorder
        self._version, self._now_us = version, now_us
        self._alone = MemoryGovernor(clock=clock, processes=processes)
        self._is_alone = False

    def reserve(
        self,
        key: str,
        *,
        want: int,
        max_delay_s: float,
        tenant: str = "default",
        limits: Sequence[RateLimit] = (),
    ) -> Slots:
        """Book up to `want` starts within `max_delay_s`, in one round trip."""
        ahead_us = round(max_delay_s * 1_000_000)
        # A tenant's name may hold anything; its hash holds no space.
        who = digest((tenant,))[:12]
        try:
            raw = self._run("governor_reserve", key, want, ahead_us, who, *_flat(limits))
        except LinkAwayError as error:
            return self._fallback(error).reserve(
                key, want=want, max_delay_s=max_delay_s, tenant=tenant, limits=limits
            )
        slots = _slots(raw)
        if slots.refused:
            self._recorder.count(REFUSED_TOTAL, slots.refused, {"provider": key.partition("#")[0]})
        return slots

    def learn(
        self,
        key: str,
        *,
        retry_at: datetime | None = None,
        remaining: int | None = None,
        reset_at: datetime | None = None,
    ) -> None:
        """Take the provider's word, for all workers, in one round trip."""
        left = "" if remaining is None else remaining
        try:
            self._run("governor_learn", key, in_us(retry_at), left, in_us(reset_at))
        except LinkAwayError as error:
            self._fallback(error).learn(
                key, retry_at=retry_at, remaining=remaining, reset_at=reset_at
            )

    def _run(self, name: str, key: str, *args: int | str) -> Any:
        now_us = "" if self._now_us is None else self._now_us()
        where = key_of(self._version, "rate", "", key)
        raw = self._link.run(name, keys=(where,), args=(now_us, *args))
        if self._is_alone:
            self._is_alone = False
            self._alone.forget()
        return raw

    def _fallback(self, error: LinkAwayError) -> MemoryGovernor:
        self._is_alone = True
        self._recorder.count(FALLBACKS_TOTAL, 1, {"part": "governor", "reason": error.reason})
        return self._alone


def _flat(limits: Sequence[RateLimit]) -> tuple[int | str, ...]:
    return tuple(
        part
        for limit in limits
        for part in (limit.count, limit.per_us, limit.margin_us, limit.kind.value)
    )


def _slots(raw: Sequence[Any]) -> Slots:
    delays_us, refused, retry_us = raw
    return Slots(
        delays_s=tuple(delay / 1_000_000 for delay in delays_us),
        refused=refused,
        retry_at=None if retry_us < 0 else _EPOCH + timedelta(microseconds=retry_us),
    )
