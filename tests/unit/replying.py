"""Where answers of runs go, in memory: a backend's Redis, and webhooks."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, Self, cast

import redis
from celery import Celery
from celery.backends.base import KeyValueStoreBackend

from enrich.bootstrap import Services
from enrich.ports.callers import Callers
from tests.unit.engine_world import World

__all__ = ["Hooks", "Results", "Sender", "app_of", "services_of"]


@dataclass
class Results:
    """The Redis of a backend: remembers what was stored, or is away."""

    is_away: bool = False
    stored: dict[bytes, Any] = field(default_factory=dict)

    def pipeline(self, *, transaction: bool) -> Self:
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def setex(self, key: bytes, lifetime_s: float, value: str) -> None:
        self.stored[key] = json.loads(value)

    def set(self, key: bytes, value: str, *, nx: bool, ex: int) -> bool | None:
        if self.is_away:
            raise redis.ConnectionError
        is_new = key not in self.stored
        self.stored[key] = json.loads(value)
        return is_new or None

    def publish(self, channel: bytes, value: str) -> None:
        pass

    def execute(self) -> None:
        if self.is_away:
            raise redis.ConnectionError


@dataclass
class Hooks:
    """One webhook, and the runs whose ends were noted for it."""

    noted: list[int] = field(default_factory=list)

    def listeners(self, run: int) -> tuple[str, int]:
        return "default", 1

    def note_run(self, run: int, report: Mapping[str, Any]) -> int:
        self.noted.append(run)
        return 0


@dataclass(frozen=True)
class Sender:
    """What takes messages, or is away."""

    is_away: bool = False

    @property
    def backend(self) -> object:
        return app_of(Results(is_away=self.is_away)).backend

    def send_task(self, *_: object, **__: object) -> None:
        if self.is_away:
            raise redis.ConnectionError

    def app(self) -> Celery:
        """Give it as what sends."""
        return cast(Celery, self)


def app_of(results: Results) -> Celery:
    backend: Any = KeyValueStoreBackend(app=Celery(set_as_current=False))
    backend.client = results
    return cast(Celery, SimpleNamespace(backend=backend))


def services_of(own: World, hooks: Hooks | None = None, callers: Callers | None = None) -> Services:
    desk = SimpleNamespace(parts=own.parts, webhooks=hooks)
    return cast(Services, SimpleNamespace(parts=own.parts, desk=desk, callers=callers))
