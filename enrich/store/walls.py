"""The wall between tenants, as connections and transactions keep it; the migrations build it.

A transaction names whose rows it may see before its first statement, and in the same breath: it
costs no round trip. One that names nobody sees nothing.
"""

import re
from functools import lru_cache
from typing import Any

import psycopg2.extensions
from sqlalchemy import Connection, Engine, event

from enrich.store.codec import cleaned

__all__ = ["ALL_TENANTS", "OPENING", "keep_walls", "open_run", "open_tenant", "step_behind"]

#: The option of a connection that holds what its transactions begin with.
OPENING = "enrich_opening"
#: For what has to look across tenants; whoever uses it says why.
ALL_TENANTS = "SET LOCAL enrich.all_tenants = 'on'; "

_PLAIN = re.compile(r"[A-Za-z0-9_-]+")
# A superuser passes through walls: it becomes the role that an upgrade has made for its work.
_STEP_BEHIND = """
    SELECT set_config('role', work.rolname, false) FROM pg_roles me, pg_roles work
    WHERE me.rolname = session_user AND me.rolsuper AND work.rolname = 'enrich_app'
"""


@lru_cache(maxsize=1024)
def open_tenant(tenant: str) -> str:
    """Write what shows a transaction one tenant's rows."""
    return f"SET LOCAL enrich.tenant = {_quoted(cleaned(tenant))}; "


def open_run(run_id: int) -> str:
    """Write what shows a transaction the rows of a run's tenant; those of nobody without a run."""
    return f"SELECT enter_run({int(run_id)}); "


def keep_walls(engine: Engine) -> None:
    """Put before each statement what its connection's `OPENING` says."""
    event.listen(engine, "before_cursor_execute", _opened, retval=True)


def step_behind(connection: psycopg2.extensions.connection, _record: object) -> None:
    """Take the rights of a superuser from a new connection."""
    with connection.cursor() as cursor:
        cursor.execute(_STEP_BEHIND)
    connection.commit()


def _opened(
    connection: Connection, _cursor: object, statement: str, parameters: Any, *_: object
) -> tuple[str, Any]:
    # Before every statement, not only a transaction's first: one that commits by itself is one.
    return connection.get_execution_options().get(OPENING, "") + statement, parameters


def _quoted(name: str) -> str:
    # Neither quotes nor the driver's own percent signs are left to be misread.
    if _PLAIN.fullmatch(name):
        return f"'{name}'"
    return "U&'" + "".join(f"\\+{ord(letter):06x}" for letter in name) + "'"
