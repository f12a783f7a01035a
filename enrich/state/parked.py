"""Messages that no worker can work off: kept for a person, with the reason, beside the queues.

They hold names at most, never a value of a cell; what they asked for lies in PostgreSQL, and the
sweep sends it again. So the list may be bounded, and may be lost with the server.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import redis

__all__ = ["KEEP", "PARKED_KEY", "TTL_S", "Parked", "ParkedMessages"]

PARKED_KEY = "enrich:v1:parked"
#: So many are kept, the newest first, and for so long after the newest.
KEEP = 10_000
TTL_S = 30 * 86_400
#: Of a longer message only the beginning is kept.
_LONGEST = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Parked:
    """One message, why it was parked, and when; `queue` and `task` as far as they are known."""

    reason: str
    queue: str = ""
    task: str = ""
    message: str = ""
    at: datetime | None = None

    def encode(self, now: datetime) -> str:
        """Give the text that the list holds."""
        record = {
            "at": (self.at or now).timestamp(),
            "reason": self.reason,
            "queue": self.queue,
            "task": self.task,
            "message": self.message[:_LONGEST],
        }
        return json.dumps(record)

    @classmethod
    def decode(cls, text: bytes) -> "Parked":
        """Read what `encode` made, or the server's own script."""
        raw: Mapping[str, Any] = json.loads(text.decode(errors="replace"))
        return cls(
            reason=str(raw["reason"]),
            queue=str(raw.get("queue", "")),
            task=str(raw.get("task", "")),
            message=str(raw.get("message", "")),
            at=datetime.fromtimestamp(float(raw["at"]), tz=UTC),
        )


class ParkedMessages:
    """The list of one broker. Errors of Redis pass through."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def park(self, parked: Parked) -> None:
        """Put one on the list."""
        with self._client.pipeline() as pipe:
            pipe.lpush(PARKED_KEY, parked.encode(datetime.now(UTC)))
            pipe.ltrim(PARKED_KEY, 0, KEEP - 1)
            pipe.expire(PARKED_KEY, TTL_S)
            pipe.execute()

    def count(self) -> int:
        """Say how many there are."""
        return int(self._client.llen(PARKED_KEY))

    def newest(self, limit: int) -> tuple[Parked, ...]:
        """Give up to `limit` of them, the newest first."""
        texts: list[Any] = self._client.lrange(PARKED_KEY, 0, limit - 1)
        return tuple(map(Parked.decode, texts))
