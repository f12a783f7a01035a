"""Bring a database to the schema of this version, from a program."""

from pathlib import Path
from threading import Lock

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

import enrich
from enrich.store.engine import make_engine, translated

__all__ = ["current", "downgrade", "head", "pending", "upgrade"]

#: Alembic keeps what it is doing in globals of its modules.
_ONE_A_PROCESS = Lock()


def upgrade(database_url: str, *, revision: str = "head") -> None:
    """Apply what is pending, all or nothing. Safe when several processes do it at once.

    Raises:
        DatabaseDownError: the server does not answer, or a table stayed locked for 5 s.
    """
    with _ONE_A_PROCESS, translated():
        command.upgrade(_config(database_url), revision)


def downgrade(database_url: str, *, revision: str) -> None:
    """Undo down to a revision; "base" drops every table of ours, with what is in it."""
    with _ONE_A_PROCESS, translated():
        command.downgrade(_config(database_url), revision)


def current(database_url: str) -> str | None:
    """Tell the database's revision; None when it was never migrated."""
    engine = make_engine(database_url, pool_size=1)
    try:
        with translated(), engine.connect() as connection:
            return MigrationContext.configure(connection).get_current_revision()
    finally:
        engine.dispose()


def head() -> str:
    """Tell the newest revision that this version knows."""
    return str(_scripts().get_current_head())


def pending(database_url: str) -> tuple[str, ...]:
    """Give the revisions that `upgrade` would apply, oldest first.

    None where a newer version was here: its schema works with this code too.
    """
    done, scripts = current(database_url), _scripts()
    if done is not None and done not in {step.revision for step in scripts.walk_revisions()}:
        return ()
    steps = scripts.iterate_revisions("head", done or "base")
    return tuple(reversed([step.revision for step in steps if step.revision != done]))


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config(""))


def _config(database_url: str) -> Config:
    # The package `migrations` lies beside `enrich`, in the tree as in an installed wheel.
    config = Config()
    folder = Path(enrich.__file__).parent.parent / "migrations"
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    config.attributes["database_url"] = database_url
    return config
