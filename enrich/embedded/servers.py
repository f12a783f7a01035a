"""Both servers of a home: start them, stop them, ask how they are."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from enrich.embedded import postgres, valkey
from enrich.embedded.account import account_for
from enrich.embedded.home import Home, holds, locked
from enrich.embedded.wheels import postgres_binary, valkey_binary
from enrich.errors import EmbeddedServerError

__all__ = [
    "Endpoints",
    "Server",
    "ServerStatus",
    "Started",
    "binary_of",
    "endpoints",
    "start",
    "status",
    "stop",
]

_STATE_DB, _BROKER_DB = 0, 1


class Server(StrEnum):
    """The servers that a home can hold."""

    POSTGRES = postgres.NAME
    VALKEY = valkey.NAME


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """Where a home's servers are reached, whether or not they run.

    Attributes:
        database_url: for SQLAlchemy and libpq.
        redis_url: cache and shared state, in redis-py's form.
        broker_url: another database of the same server, in redis-py's form; see `celery_url`.
    """

    database_url: str
    redis_url: str
    broker_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """Servers that run; `now` are those that this call has started, for who wants to stop them."""

    endpoints: Endpoints
    now: frozenset[Server]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerStatus:
    """How a server is: its process lives, and it answers."""

    server: Server
    is_alive: bool
    answers: bool
    log: Path


def binary_of(server: Server) -> Path:
    """Find a server's program.

    Raises:
        EmbeddedServerError: no wheel is installed, or none is made for this platform.
    """
    return postgres_binary("postgres") if server is Server.POSTGRES else valkey_binary()


def start(home: Path, *, only: Iterable[Server] = Server) -> Started:
    """Start the servers of a home that do not run yet, and wait until all answer.

    Safe to call from many processes at once: one starts them, the others find them running. They
    outlive the caller; `stop` ends them.

    Raises:
        EmbeddedServerError: a server did not come up, or the folder is not ours to write.
    """
    place = Home.at(home)
    try:
        return _start(place, frozenset(only))
    except OSError as exc:
        raise EmbeddedServerError(
            f"the embedded servers cannot use {place.root}: {exc.strerror or exc}; "
            "set ENRICH_HOME to a folder of yours"
        ) from exc


def stop(home: Path, *, only: Iterable[Server] = Server) -> frozenset[Server]:
    """End the servers of a home in good order; gives those that were running."""
    place = Home.at(home)
    if not place.root.is_dir():
        return frozenset()
    halts = {Server.POSTGRES: postgres.halt, Server.VALKEY: valkey.halt}
    with locked(place.root / "lock"):
        return frozenset(server for server in only if halts[server](place))


def endpoints(home: Path) -> Endpoints:
    """Say where the servers of a home are, or would be; looks at none of them."""
    return _endpoints(Home.at(home))


def status(home: Path) -> tuple[ServerStatus, ...]:
    """Say how the servers of a home are, without starting any."""
    place = Home.at(home)
    answers = {Server.POSTGRES: postgres.answers, Server.VALKEY: valkey.answers}
    return tuple(
        ServerStatus(
            server=server,
            is_alive=holds(place.alive(server)),
            answers=answers[server](place),
            log=place.log(server),
        )
        for server in Server
    )


def _start(home: Home, only: frozenset[Server]) -> Started:
    home.root.mkdir(mode=0o755, parents=True, exist_ok=True)
    with locked(home.root / "lock"):
        account = account_for(home.folder(Server.POSTGRES))
        ensures = {Server.POSTGRES: postgres.ensure_running, Server.VALKEY: valkey.ensure_running}
        now = [server for server in sorted(only) if ensures[server](home, account)]
    return Started(endpoints=_endpoints(home), now=frozenset(now))


def _endpoints(home: Home) -> Endpoints:
    return Endpoints(
        database_url=postgres.url(home),
        redis_url=valkey.url(home, db=_STATE_DB),
        broker_url=valkey.url(home, db=_BROKER_DB),
    )
