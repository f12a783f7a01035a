"""Processes where pytest-celery expects containers: real workers and servers without Docker.

Its nodes ask little of a container: to start, to be ready, to tell its log, to be killed and
started again. The classes here do that with processes of this machine.
"""

import os
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import redis
from celery import __version__ as celery_version

from enrich.embedded import celery_url
from enrich.embedded.processes import Program, Supervisor
from tasks.settings import QUEUES, worker_arguments
from tests.waiting import eventually

__all__ = ["ServerAddress", "WorkerProcess", "in_database"]

_ROOT = Path(__file__).parents[2]
_READY = "ready."
_READY_S = 100.0


def in_database(redis_url: str, number: int) -> str:
    """Give the address of another database of the same server, in redis-py's form."""
    if redis_url.startswith("unix://"):
        return f"{redis_url.partition('?')[0]}?db={number}"
    return urlsplit(redis_url)._replace(path=f"/{number}").geturl()


@dataclass(slots=True)
class WorkerProcess:
    """A Celery worker in a session of its own; it dies with this process, by whatever death.

    `environment` says where its servers are; its log holds all of its lives.
    """

    name: str
    environment: Mapping[str, str]
    log: Path
    threads: int = 8
    _lives: int = 0
    _supervisor: Supervisor | None = None

    @property
    def celeryconfig(self) -> dict[str, Any]:
        """Nothing: a worker reads its own settings."""
        return {}

    @property
    def id(self) -> str:
        """A name that differs from run to run."""
        return f"{self.name}-{os.getpid()}"

    @property
    def pid(self) -> int | None:
        """The number of its process, None when it is not running."""
        return self._supervisor.pids.get(self.name) if self._supervisor else None

    @property
    def status(self) -> str:
        """In Docker's words."""
        return "running" if self.pid else "exited"

    def start(self) -> None:
        """Start it; returns before it is ready."""
        self._lives += 1
        self._supervisor = Supervisor([self._program()])
        self._supervisor.__enter__()

    def ready(self) -> bool:
        """Wait until this life of it has said that it is ready."""
        if eventually(self._is_ready_or_gone, within_s=_READY_S) and self.pid:
            return True
        raise AssertionError(f"{self.name} is not ready; its log ends:\n{self.logs()[-4000:]}")

    def _is_ready_or_gone(self) -> bool:
        return self.logs().count(_READY) >= self._lives or self.pid is None

    def logs(self) -> str:
        """Read all that it has printed."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def kill(self, signal: str | int = "SIGKILL") -> None:
        """Send a signal to its process and all children; of SIGKILL, wait for the end."""
        number = _signal(signal)
        if pid := self.pid:
            with suppress(ProcessLookupError):
                os.killpg(pid, number)
        if number == _signal("SIGKILL"):
            assert eventually(lambda: self.pid is None)

    def reload(self) -> None:
        """Do nothing: the state is never remembered."""

    def restart(self, timeout: float = 60.0) -> None:
        """End it in good order, start it again and wait until it is ready."""
        self.teardown(timeout)
        self.start()
        self.ready()

    def teardown(self, timeout: float = 60.0) -> None:
        """End it in good order, and kill what has not ended in time."""
        if self._supervisor is not None:
            self._supervisor.stop(patience_s=timeout)

    def version(self) -> str:
        """Celery's version."""
        return str(celery_version)

    def log_level(self) -> str:
        """What it logs."""
        return "INFO"

    def worker_name(self) -> str:
        """The part before the @ of its name in Celery."""
        return self.name

    def worker_queue(self) -> str:
        """A queue that it takes tasks from."""
        return QUEUES[0]

    def _program(self) -> Program:
        # The plugin's own tasks are there to be pinged.
        plugin = "--include=pytest_celery.vendors.worker.tasks"
        name = f"--hostname={self.name}@{self.id}"
        celery = [sys.executable, "-m", "celery", f"--workdir={_ROOT}", "-A", "tasks"]
        arguments = worker_arguments(threads=self.threads)
        return Program(
            name=self.name,
            command=[*celery, *arguments, plugin, name],
            environment=self.environment,
            log=self.log,
        )


@dataclass(slots=True)
class ServerAddress:
    """A server that others started and use too, so it cannot be killed from here."""

    name: str
    url: str
    status: str = field(default="running", init=False)

    @property
    def id(self) -> str:
        """Its name."""
        return self.name

    @property
    def celeryconfig(self) -> dict[str, Any]:
        """Its address for workers and for us: the same."""
        address = celery_url(self.url)
        return {"url": address, "host_url": address}

    @property
    def client(self) -> redis.Redis:
        """A connection to it."""
        return redis.Redis.from_url(self.url, decode_responses=True)

    def ready(self) -> bool:
        """Say whether it answers."""
        with self.client as client:
            return bool(client.ping())

    def logs(self) -> str:
        """Nothing: its log is not ours."""
        return ""

    def reload(self) -> None:
        """Do nothing."""

    def teardown(self) -> None:
        """Do nothing."""


def _signal(name: str | int) -> int:
    return signal.Signals[name] if isinstance(name, str) else name
