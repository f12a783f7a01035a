"""What is written in no tenant's name, on a connection that has written in one's before."""

import pytest
from sqlalchemy import Engine, text

from enrich.store.engine import Database

pytestmark = pytest.mark.servers

_THEIRS = """
    WITH w AS (INSERT INTO tenants (id) VALUES ('theirs') RETURNING id),
    t AS (INSERT INTO tables (tenant_id, name) SELECT id, 't' FROM w RETURNING id)
    INSERT INTO runs (tenant_id, table_id, wanted, options, state)
    SELECT 'theirs', id, '{c}', '{}', 'running' FROM t
"""
_LATER = """
    INSERT INTO callers (id, run_id, row_id, is_single) SELECT 'late', id, 1, true FROM runs
"""


@pytest.mark.parametrize(("tenant", "seen"), [("theirs", ["late"]), ("ours", [])])
def test_it_belongs_to_its_runs_tenant(
    walled_engine: Engine, clean_engine: Engine, tenant: str, seen: list[str]
) -> None:
    database = Database(walled_engine)

    database.of("theirs").run(lambda c: c.execute(text(_THEIRS)))
    database.of_all().run(lambda c: c.execute(text(_LATER)))

    query = text("SELECT id FROM callers")
    assert database.of(tenant).run(lambda c: c.execute(query).scalars().all()) == seen
