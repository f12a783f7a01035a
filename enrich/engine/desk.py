"""What the use cases of the service are given beside the parts of the engine."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from enrich.domain.table import Column
from enrich.domain.webhook import TellPolicy
from enrich.engine.parts import Parts
from enrich.ports.erasure import Erasure
from enrich.ports.jobs import Jobs
from enrich.ports.vectors import Embedders, VectorStore
from enrich.ports.webhooks import Messenger, Webhooks

__all__ = ["Desk", "DeskPolicy"]

_KEPT_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskPolicy:
    """How long a job is kept, for how long an equal submit is the same, and what is embedded.

    `embedded_tables` are names of tables, of every tenant; empty when nothing is to be embedded.
    """

    keep_s: float = 86_400.0
    dedupe_s: float = 21_600.0
    embedded_tables: tuple[str, ...] = ("candidates",)
    telling: TellPolicy = field(default_factory=TellPolicy)


class KnownColumns:
    """The columns of each tenant's candidates, remembered for half a minute."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[str, tuple[float, tuple[Column, ...]]] = {}

    def get(self, tenant: str, now_s: float) -> tuple[Column, ...] | None:
        """Give what is remembered."""
        with self._lock:
            until_s, columns = self._kept.get(tenant, (0.0, ()))
        return columns if now_s < until_s else None

    def forget(self, tenant: str) -> None:
        """Remember nothing of a tenant."""
        with self._lock:
            self._kept.pop(tenant, None)

    def put(self, tenant: str, columns: Sequence[Column], now_s: float) -> None:
        """Remember."""
        with self._lock:
            self._kept[tenant] = now_s + _KEPT_S, tuple(columns)


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """The parts of the engine with jobs, vectors and webhooks."""

    parts: Parts
    jobs: Jobs
    vectors: VectorStore
    embedders: Embedders
    webhooks: Webhooks
    erasure: Erasure
    messenger: Messenger
    policy: DeskPolicy = field(default_factory=DeskPolicy)
    columns: KnownColumns = field(default_factory=KnownColumns)
