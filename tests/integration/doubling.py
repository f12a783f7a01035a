"""Loaded by a worker as a provider's module: all that it sends goes out twice, and out of order.

The provider charges for each call and keeps its own ledger: one line a call, in a file that the
environment names.
"""

import os
import random
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kombu.transport.redis import Channel

from enrich.domain.outcome import Found
from enrich.domain.provider import Answer, ProviderSpec, Query, Tier
from enrich.domain.values import Observation
from enrich.ports import Deadline, Provider

__all__ = ["LEDGER", "NAME", "charging"]

#: The variable with the path of the ledger; no setting of ours, so without our prefix.
LEDGER = "CHARGING_PROVIDER_LEDGER"
NAME = "charging"

_SPEC = ProviderSpec(
    name=NAME,
    version="1",
    tier=Tier.CHEAP,
    gives={"industry": 0.9},
    inputs=(frozenset({"company_name"}),),
    price_microcredits=1000,
)


class _Charging:
    """Answers everything, and writes down that it was asked before it does."""

    spec = _SPEC

    def __init__(self, ledger: Path) -> None:
        self._ledger = ledger

    def ask(self, queries: Sequence[Query], deadline: Deadline) -> Sequence[Answer]:
        """Charge for each row."""
        with self._ledger.open("a", encoding="utf-8") as ledger:
            ledger.writelines(f"{query.call_key} {query.row}\n" for query in queries)
        found = Found({"industry": Observation(value="Tools", confidence=0.9)})
        return [Answer(outcome=found) for _ in queries]


def charging() -> Provider:
    """Make the provider; from then on this process sends every message twice."""
    Channel._put = _twice  # type: ignore[method-assign,assignment] # in a process made for it
    return _Charging(Path(os.environ[LEDGER]))


_put = Channel._put


def _twice(self: Channel, queue: str, message: dict[str, Any], **options: Any) -> None:
    properties = {**message["properties"], "delivery_tag": str(uuid.uuid4())}
    _put(self, queue, message, **options)
    _put(self, queue, {**message, "properties": properties}, **options)
    with self.conn_or_acquire() as client:
        for _ in range(random.randrange(4)):
            client.rpoplpush(queue, queue)
