"""Servers of a test's own, to be frozen, filled up and killed."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from enrich import embedded
from enrich.errors import EmbeddedServerError
from tests.faults.proxy import Proxy
from tests.waiting import eventually

_NO_RETRY = Retry(NoBackoff(), 0)


@dataclass(slots=True)
class Valkey:
    """A server of one test behind a Unix socket."""

    home: Path
    options: tuple[str, ...] = ()
    binary: str = ""
    process: subprocess.Popen[bytes] | None = None
    clients: list[redis.Redis] = field(default_factory=list)

    @property
    def socket(self) -> str:
        return str(self.home / "valkey.sock")

    @property
    def url(self) -> str:
        return f"unix://{self.socket}"

    @property
    def admin(self) -> redis.Redis:
        """A patient client for the test's own commands."""
        client = redis.Redis(unix_socket_path=self.socket, socket_timeout=60)
        self.clients.append(client)
        return client

    def start(self) -> None:
        binary = self.binary or str(embedded.binary_of(embedded.Server.VALKEY))
        command = [binary, "--port", "0", "--unixsocket", self.socket, "--save", ""]
        self.process = subprocess.Popen(
            [*command, "--dir", str(self.home), "--loglevel", "warning", *self.options],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        assert eventually(self._answers), "the server did not start"

    def stop(self) -> None:
        for client in self.clients:
            client.close()
        if self.process is not None:
            with suppress(ProcessLookupError):
                os.kill(self.process.pid, signal.SIGCONT)
            self.process.kill()
            self.process.wait()
            self.process = None

    def freeze(self) -> None:
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        assert self.process is not None
        os.kill(self.process.pid, number)

    def _answers(self) -> bool:
        client = redis.Redis(unix_socket_path=self.socket, socket_timeout=1, retry=_NO_RETRY)
        try:
            client.execute_command("PING")
        except (redis.ResponseError, redis.AuthenticationError):
            return True  # it wants a password, or is a cluster: it answers
        except redis.RedisError:
            return False
        finally:
            client.close()
        return True


@pytest.fixture
def start_valkey() -> Iterator[Callable[..., Valkey]]:
    """Start servers of this test's own, with more options."""
    started: list[Valkey] = []

    def start(*options: str) -> Valkey:
        try:
            embedded.binary_of(embedded.Server.VALKEY)
        except EmbeddedServerError as exc:
            if os.environ.get("CI") == "true":
                raise
            pytest.skip(str(exc))
        # Not pytest's own folder: a socket's path must be short.
        server = Valkey(Path(tempfile.mkdtemp(prefix="enrich-f-")), options)
        started.append(server)
        server.start()
        return server

    yield start
    for server in started:
        server.stop()
        shutil.rmtree(server.home)


@pytest.fixture
def valkey(start_valkey: Callable[..., Valkey]) -> Valkey:
    """One server."""
    return start_valkey()


@pytest.fixture
def proxy(valkey: Valkey) -> Iterator[Proxy]:
    """A way to that server that can be made bad."""
    with Proxy(valkey.socket) as between:
        yield between
