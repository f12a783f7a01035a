"""Bring a database to the schema of this version, from a program.

Every command asks whether something is pending, and nearly always nothing is: that is told without
Alembic, which takes a tenth of a command's start to import.
"""

from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from sqlalchemy import text

import enrich
from enrich.store.engine import make_engine, translated

if TYPE_CHECKING:
    from alembic.config import Config

__all__ = ["current", "downgrade", "head", "pending", "upgrade"]

#: The package `migrations` lies beside `enrich`, in the tree as in an installed wheel.
_FOLDER = Path(enrich.__file__).parent.parent / "migrations"
#: Alembic keeps what it is doing in globals of its modules.
_ONE_A_PROCESS = Lock()


def upgrade(database_url: str, *, revision: str = "head") -> None:
    """Apply what is pending, all or nothing. Safe when several processes do it at once.

    Raises:
        DatabaseDownError: the server does not answer, or a table stayed locked for 5 s.
    """
    from alembic import command

    with _ONE_A_PROCESS, translated():
        command.upgrade(_config(database_url), revision)


def downgrade(database_url: str, *, revision: str) -> None:
    """Undo down to a revision; "base" drops every table of ours, with what is in it."""
    from alembic import command

    with _ONE_A_PROCESS, translated():
        command.downgrade(_config(database_url), revision)


def current(database_url: str) -> str | None:
    """Tell the database's revision; None when it was never migrated."""
    engine = make_engine(database_url, pool_size=1)
    try:
        with translated(), engine.connect() as connection:
            if connection.scalar(text("SELECT to_regclass('alembic_version')")) is None:
                return None
            revision = connection.scalar(text("SELECT version_num FROM alembic_version"))
            return None if revision is None else str(revision)
    finally:
        engine.dispose()


def head() -> str:
    """Tell the newest revision that this version knows."""
    return max(file.name[:4] for file in (_FOLDER / "versions").glob("[0-9]*.py"))


def pending(database_url: str) -> tuple[str, ...]:
    """Give the revisions that `upgrade` would apply, oldest first.

    None where a newer version was here: its schema works with this code too.
    """
    done = current(database_url)
    if done == head():
        return ()

    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory.from_config(_config(""))
    if done is not None and done not in {step.revision for step in scripts.walk_revisions()}:
        return ()
    steps = scripts.iterate_revisions("head", done or "base")
    return tuple(reversed([step.revision for step in steps if step.revision != done]))


def _config(database_url: str) -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    config.attributes["database_url"] = database_url
    return config
