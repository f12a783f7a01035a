"""Run migrations: in one transaction, one process at a time, and never waiting long for a lock."""

import os
from pathlib import Path

from alembic import context
from sqlalchemy import Connection, text

from enrich.errors import SettingsError
from enrich.store.engine import make_engine
from enrich.store.schema import metadata

#: Any number, as long as all versions of this file agree on it.
_ONE_AT_A_TIME = 7_201_943_651
_ROLE = Path(__file__).parent / "sql" / "application_role.sql"


def _url() -> str:
    url = context.config.attributes.get("database_url") or os.environ.get("DATABASE_URL")
    if not url:
        raise SettingsError("DATABASE_URL", "is not set", hint="it names the database to migrate")
    return str(url)


def _prepare(connection: Connection) -> None:
    # Whoever comes second waits for the first, and then finds nothing left to do.
    connection.execute(text("SET LOCAL lock_timeout = '120s'"))
    connection.execute(text("SET LOCAL statement_timeout = '120s'"))
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ONE_AT_A_TIME})
    # A table lock that is not had at once makes everybody queue behind us: give up soon instead.
    connection.execute(text("SET LOCAL lock_timeout = '5s'"))


def _online() -> None:
    engine = make_engine(_url(), pool_size=1)
    try:
        with engine.begin() as connection:
            _prepare(connection)
            context.configure(connection=connection, target_metadata=metadata)
            context.run_migrations()
            connection.exec_driver_sql(_ROLE.read_text(encoding="utf-8"))
    finally:
        engine.dispose()


def _offline() -> None:
    context.configure(url=_url(), target_metadata=metadata, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()


if context.is_offline_mode():
    _offline()
else:
    _online()
