"""Connections to PostgreSQL: made once per process, with a time limit on everything.

Every driver error is translated here, by one table, and a transaction that lost a deadlock is
tried again here and nowhere else.
"""

import json
import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

import orjson
import psycopg2
import psycopg2.extensions
import psycopg2.extras
from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from enrich.errors import BadInputError, DatabaseDownError, EnrichError
from enrich.ports.tracing import NO_TRACES, Tracer
from enrich.store.tracing import trace_statements
from enrich.store.walls import (
    ALL_TENANTS,
    OPENING,
    keep_walls,
    open_run,
    open_tenant,
    step_behind,
)

__all__ = ["Database", "Transactions", "make_engine", "read_json", "translated"]

T = TypeVar("T")

#: What the server keeps to on each of our connections. A batch's transaction takes milliseconds;
#: what takes longer is stuck.
_SESSION = {
    "lock_timeout": "2s",
    "statement_timeout": "10s",
    "idle_in_transaction_session_timeout": "15s",
    "timezone": "UTC",
}
_RETURNED_S = "returned_s"
#: A connection that was used so lately is not asked whether it lives.
_FRESH_S = 1.0
#: Turns all digits into one, and everything else into spaces.
_DIGITS = bytes(48 if 48 <= code < 58 else 32 for code in range(256))
_LONG_NUMBER = b"0" * 19
_CONNECT_TIMEOUT_S = 5
_POOL_TIMEOUT_S = 5.0

#: Deadlock and serialization failure: the transaction was undone and may simply run again.
_TRY_AGAIN = frozenset({"40P01", "40001"})
_TRIES = 4
_NO_RIGHT = "42501"
_UNDEFINED = frozenset({"42P01", "42703", "42883", "3F000"})

#: From the driver's classes to ours; the nearest base class decides. A value that the server does
#: not take is the caller's fault; everything else may pass, and the task is delivered again.
_TRANSLATION: Mapping[type[BaseException], type[EnrichError]] = {
    psycopg2.DataError: BadInputError,
    psycopg2.IntegrityError: BadInputError,
    psycopg2.OperationalError: DatabaseDownError,
    psycopg2.InterfaceError: DatabaseDownError,
    psycopg2.InternalError: DatabaseDownError,
    psycopg2.ProgrammingError: DatabaseDownError,
    psycopg2.NotSupportedError: DatabaseDownError,
    psycopg2.Error: DatabaseDownError,
}


def make_engine(
    url: str,
    *,
    pool_size: int = 12,
    max_overflow: int = 3,
    pool_timeout_s: float = _POOL_TIMEOUT_S,
    application_name: str = "enrich",
    tracer: Tracer = NO_TRACES,
    is_walled: bool = False,
    fresh_s: float = _FRESH_S,
) -> Engine:
    """Make the pool of connections of one process; nothing is connected yet.

    Make it after a fork, never before. `url` may begin with `postgres://` or `postgresql://`.
    Who finds all connections taken waits `pool_timeout_s` and gets a `DatabaseDownError`.
    A connection that was used within `fresh_s` is given out without being asked whether it lives.
    `is_walled` takes from a superuser the right to see through the walls between tenants.
    """
    parsed = make_url(url.replace("postgres://", "postgresql://", 1))
    engine = create_engine(
        parsed.set(drivername="postgresql+psycopg2"),
        pool_size=pool_size,
        max_overflow=max_overflow,
        pool_timeout=pool_timeout_s,
        # Who is used again and again has the plans of its functions; the others may rest.
        pool_use_lifo=True,
        # An error's text would repeat the values of cells.
        hide_parameters=True,
        connect_args=_connecting(application_name),
    )
    event.listen(engine, "connect", _read_json_quickly)
    event.listen(engine, "checkin", _note_return)
    event.listen(engine, "checkout", partial(_ping_if_idle, fresh_s))
    if tracer is not NO_TRACES:
        trace_statements(engine, tracer)
    if is_walled:
        event.listen(engine, "connect", step_behind)
    keep_walls(engine)
    return engine


def _connecting(application_name: str) -> dict[str, object]:
    """Give what the driver is told about each connection."""
    return {
        "application_name": application_name,
        "connect_timeout": _CONNECT_TIMEOUT_S,
        "options": " ".join(f"-c {name}={value}" for name, value in _SESSION.items()),
        "keepalives_idle": 30,
        "keepalives_interval": 10,
        "keepalives_count": 3,
        "tcp_user_timeout": 20_000,
    }


def _note_return(_connection: object, record: Any) -> None:
    record.info[_RETURNED_S] = time.monotonic()


def _ping_if_idle(fresh_s: float, connection: Any, record: Any, _proxy: object) -> None:
    """Ask a connection whether it lives, unless it was used a moment ago.

    A server that was restarted costs a ping, not a failed task per pooled connection; and a busy
    process does not ask twice whatever it asks.
    """
    returned_s = record.info.get(_RETURNED_S)
    if returned_s is None or time.monotonic() - returned_s < fresh_s:
        return
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        connection.rollback()
    except psycopg2.Error as error:
        raise DisconnectionError from error


def _read_json_quickly(connection: psycopg2.extensions.connection, _record: object) -> None:
    psycopg2.extras.register_default_json(connection, loads=read_json)
    psycopg2.extras.register_default_jsonb(connection, loads=read_json)


def read_json(text: str) -> Any:
    """Read JSON: a batch is a document of a few hundred kilobytes, and orjson five times as fast.

    It would make a float of a whole number beyond 64 bits, so texts with one go the long way.
    """
    raw = text.encode()
    # A fixed text is searched by leaps; a pattern takes longer than all the parsing.
    return json.loads(text) if _LONG_NUMBER in raw.translate(_DIGITS) else orjson.loads(raw)


class Database:
    """Transactions on an engine, by whose rows they may see."""

    def __init__(self, engine: Engine) -> None:
        self._nobody = Transactions(engine, "")

    def of(self, tenant: str) -> "Transactions":
        """Give transactions that see one tenant's rows."""
        return replace(self._nobody, _opening=open_tenant(tenant))

    def of_run(self, run_id: int) -> "Transactions":
        """Give transactions that see the rows of a run's tenant, whichever that is."""
        return replace(self._nobody, _opening=open_run(run_id))

    def of_one_or_all(self, tenant: str | None) -> "Transactions":
        """Give transactions that see one tenant's rows; those of all when none is named."""
        return self.of_all() if tenant is None else self.of(tenant)

    def of_nobody(self) -> "Transactions":
        """Give transactions that see no rows but those of tables that belong to no tenant."""
        return self._nobody

    def of_all(self) -> "Transactions":
        """Give transactions that see the rows of all tenants: for what belongs to none."""
        return replace(self._nobody, _opening=ALL_TENANTS)


@dataclass(frozen=True, slots=True)
class Transactions:
    """Transactions with translated errors, those that lost a deadlock tried again."""

    _engine: Engine
    _opening: str

    def run(self, work: Callable[[Connection], T]) -> T:
        """Give what `work` returns, committed. It may be called again after a deadlock.

        Raises:
            DatabaseDownError: nothing was written, or (only when the connection was lost during
                the commit) all was.
            BadInputError: the server refused a value.
        """
        with translated():
            return self._run(work, commits=False)

    def do(self, work: Callable[[Connection], T]) -> T:
        """Give what `work` returns, each of its statements a transaction of its own.

        For one statement, or several that only read: it spares two round trips, those that begin
        and commit. Called again and raises as `run` does.
        """
        with translated():
            return self._run(work, commits=True)

    def run_once(self, work: Callable[[Connection], T]) -> T:
        """Give what `work` returns, committed, for work that reads an iterator to its end."""
        with translated(), self._begun(commits=False) as connection:
            return work(connection)

    @contextmanager
    def _begun(self, *, commits: bool) -> Iterator[Connection]:
        with self._engine.begin() as connection:
            own = connection.execution_options(**{OPENING: self._opening})
            with _committing(connection) if commits else nullcontext():
                yield own

    def _run(self, work: Callable[[Connection], T], *, commits: bool) -> T:
        for attempt in range(1, _TRIES + 1):
            try:
                with self._begun(commits=commits) as connection:
                    return work(connection)
            except DBAPIError as error:
                if attempt == _TRIES or _sqlstate(error.orig) not in _TRY_AGAIN:
                    raise
            time.sleep(random.uniform(0.01, 0.05) * attempt)  # noqa: S311 - jitter
        raise AssertionError


@contextmanager
def _committing(connection: Connection) -> Iterator[None]:
    """Have each statement commit by itself, by the driver's switch, which costs no round trip.

    SQLAlchemy's own way names a level of isolation, which the driver then takes back at the server.
    """
    driver: Any = connection.connection.dbapi_connection
    driver.autocommit = True
    try:
        yield
    finally:
        if not driver.closed:
            driver.autocommit = False


@contextmanager
def translated() -> Iterator[None]:
    """Raise our errors instead of the driver's, with the driver's as their cause."""
    try:
        yield
    except DBAPIError as error:
        raise _translate(error.orig or error) from error
    except PoolTimeoutError as error:
        raise DatabaseDownError("no connection to PostgreSQL became free in time") from error
    except psycopg2.Error as error:
        raise _translate(error) from error


def _translate(error: BaseException) -> EnrichError:
    ours = next((_TRANSLATION[base] for base in type(error).__mro__ if base in _TRANSLATION), None)
    sentence = _sentence(error)
    if ours is BadInputError:
        return BadInputError("a value", f"PostgreSQL does not take it ({sentence})")
    return DatabaseDownError(f"PostgreSQL: {sentence}")


def _sentence(error: BaseException) -> str:
    code = _sqlstate(error)
    name = type(error).__name__
    if code in _UNDEFINED:
        return f"{name} ({code}): the schema is not of this version; run `enrich migrate`"
    if code == _NO_RIGHT:
        return (
            f"its role may not do this ({name}, {code}): connect as the application's, with the "
            "rights of deploy/postgres/roles.sql"
        )
    if code is None and isinstance(error, psycopg2.OperationalError):
        # Not an answer of the server: says host and port, never a value or a password.
        return (str(error).strip().splitlines() or [name])[0]
    return f"{name} ({code})" if code else name


def _sqlstate(error: BaseException | None) -> str | None:
    return getattr(error, "pgcode", None)
