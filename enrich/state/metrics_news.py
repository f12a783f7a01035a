"""What was counted since the last time somebody asked, over all processes."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from enrich.domain.metrics import Sums
from enrich.state.link import RedisLink
from enrich.state.metrics import amount_of
from enrich.state.metrics_memory import sums_of
from enrich.state.names import key_of

__all__ = ["MetricsNews", "News"]

#: Whoever asks after that long begins anew.
_KEPT_S = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """What was counted within these seconds."""

    sums: Sums
    seconds: float


class MetricsNews:
    """Tells each period once, whoever asks: the last reading lies beside the sums."""

    def __init__(self, link: RedisLink, *, version: int = 1) -> None:
        self._link = link
        self._sums = key_of(version, "metrics", "", "sums")
        self._told = key_of(version, "metrics", "", "told")
        self._turn = key_of(version, "metrics", "", "turn")

    def since_last(self, *, period_s: float) -> News | None:
        """Give what is new; None when somebody was told within this period, or at the first time.

        Raises `LinkAwayError`.
        """
        turn_ms = int(period_s * 1000)
        if not self._link.do(lambda client: client.set(self._turn, 1, nx=True, px=turn_ms)):
            return None
        raw: Any = self._link.do(lambda client: client.hgetall(self._sums))
        now = {key.decode(): int(number) for key, number in raw.items()}
        reading = json.dumps({"at": time.time(), "sums": now})
        before: Any = self._link.do(
            lambda client: client.set(self._told, reading, ex=_KEPT_S, get=True)
        )
        return _news(json.loads(before), now) if before else None


def _news(before: Mapping[str, Any], now: Mapping[str, int]) -> News:
    # Less than before means that the sums were lost and begun anew.
    grown = {key: _grown(before["sums"].get(key, 0), number) for key, number in now.items()}
    amounts = {amount_of(key.encode()): number for key, number in grown.items() if number}
    return News(sums=sums_of(amounts), seconds=max(1e-3, time.time() - before["at"]))


def _grown(before: int, now: int) -> int:
    return now - before if now >= before else now
