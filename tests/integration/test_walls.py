"""Row-level security: what a query without any condition sees, as one tenant and as another.

The tables come from the catalogue: a new one without a wall, or without a row in `ROWS`, fails.
"""

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import Connection, Engine, TextClause, bindparam, text
from sqlalchemy.dialects.postgresql import JSONB

from enrich.domain.table import Column
from enrich.errors import DatabaseDownError
from enrich.store.engine import Database
from enrich.store.rows import PostgresRowStore

pytestmark = pytest.mark.servers

#: What belongs to no tenant: the schema's version, and the names of models.
SHARED = {"alembic_version", "embedding_models"}

#: A row of each table, put there by its tenant; what it hangs on is the only one that is in sight.
ROWS = """
    INSERT INTO tenants (id) VALUES (:tenant);
    INSERT INTO tables (tenant_id, name) VALUES (:tenant, 't');
    INSERT INTO columns (table_id, key, field, enriched, overwrite, min_confidence, position)
        SELECT id, 'c', 'city', true, 'never', 0, 0 FROM tables;
    INSERT INTO rows (table_id, tenant_id, key) SELECT id, tenant_id, 'k' FROM tables;
    INSERT INTO runs (tenant_id, table_id, wanted, options, state)
        SELECT tenant_id, id, '{c}', '{}', 'running' FROM tables;
    INSERT INTO batches (run_id, number, phase, row_ids) SELECT id, 1, 'probe', '{1}' FROM runs;
    INSERT INTO responses (run_id, batch, attempt, row_id, provider, provider_version, input_key,
                           slot, kind, outcome, observed_at)
        SELECT id, 1, 1, 1, 'p', '1', 'k', 0, 'not_found', '{}', now() FROM runs;
    INSERT INTO paid_calls (tenant_id, run_id, row_id, provider, provider_version, input_key,
                            price_microcredits)
        SELECT tenant_id, id, 1, 'p', '1', tenant_id, 1 FROM runs;
    INSERT INTO callbacks (name, tenant_id, run_id, provider, row_ids, expires_at)
        SELECT tenant_id, tenant_id, id, 'p', '{1}', now() FROM runs;
    INSERT INTO callers (id, run_id, row_id, is_single) SELECT tenant_id, id, 1, true FROM runs;
    INSERT INTO labels (row_id, column_key, is_right, value, kind)
        SELECT id, 'c', true, '1', 'person' FROM rows;
    INSERT INTO trust_states (tenant_id, version, state) VALUES (:tenant, 1, '{}');
    INSERT INTO credentials (tenant_id, credential, name, sealed) VALUES (:tenant, 'c', 'n', 's');
    INSERT INTO access_keys (prefix, tenant_id, name, hash, scopes)
        VALUES (:tenant, :tenant, 'n', 'h', '{}');
    INSERT INTO jobs (tenant_id, candidate_id, payload_hash) VALUES (:tenant, 'c', 'h');
    INSERT INTO idempotency_keys (tenant_id, key, body_hash, job_id)
        SELECT tenant_id, 'k', 'h', id FROM jobs;
    INSERT INTO webhooks (tenant_id, url, sealed) VALUES (:tenant, 'u', 's');
    INSERT INTO deliveries (webhook_id, event, body) SELECT id, 'e', '{}' FROM webhooks;
    INSERT INTO schedules (tenant_id, table_id, name, cron, zone, next_at)
        SELECT tenant_id, id, 'n', 'c', 'z', now() FROM tables;
    INSERT INTO requests (tenant_id, table_name, row_key) VALUES (:tenant, 't', 'k');
    INSERT INTO audit (tenant_id, actor, action) VALUES (:tenant, 'a', 'a');
    INSERT INTO vectors_of_the_model (row_id, tenant_id, table_id, row_version, text_hash, vector)
        SELECT id, tenant_id, table_id, 1, 'h', '[1,2,3]' FROM rows
"""

_TABLES = """
    SELECT relname FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') ORDER BY relname
"""
_PARTS = "SELECT relname FROM pg_class WHERE relispartition"
_WALLED = """
    SELECT c.relname FROM pg_class c JOIN pg_policy p ON p.polrelid = c.oid
    WHERE c.relnamespace = 'public'::regnamespace AND c.relrowsecurity AND c.relforcerowsecurity
      AND p.polcmd = '*' AND p.polroles = '{0}'
"""
_VIEWS_THAT_LOOK_AS_THEIR_OWNER = """
    SELECT relname FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('v', 'm')
      AND NOT coalesce('security_invoker=true' = ANY (reloptions), false)
"""
_FUNCTIONS_WITH_THEIR_OWNERS_RIGHTS = """
    SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prosecdef
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = pg_proc.oid AND d.deptype = 'e')
"""

_FUNCTIONS_FOR_EVERYBODY = """
    SELECT proname FROM pg_proc, aclexplode(coalesce(proacl, acldefault('f', proowner))) AS given
    WHERE pronamespace = 'public'::regnamespace AND given.grantee = 0
"""


@pytest.fixture
def database(walled_engine: Engine, clean_engine: Engine) -> Iterator[Database]:
    """A database with a row of the tenant `theirs` in each table; `ours` has none."""
    with clean_engine.begin() as connection:
        # Tests that came before may have left models of theirs.
        for (made,) in connection.exec_driver_sql(
            "DELETE FROM embedding_models RETURNING id"
        ).all():
            connection.exec_driver_sql(f"DROP TABLE IF EXISTS vectors_{made}")
    database = Database(walled_engine)
    added = "SELECT 'vectors_' || id FROM add_embedding_model('three', 3)"
    vectors = database.of_nobody().run(lambda c: c.execute(text(added)).scalar_one())

    def fill(connection: Connection) -> None:
        for row in ROWS.replace("vectors_of_the_model", vectors).split(";"):
            connection.execute(text(row), {"tenant": "theirs"})

    database.of("theirs").run(fill)
    yield database
    with clean_engine.begin() as connection:
        connection.exec_driver_sql(f"DELETE FROM embedding_models; DROP TABLE {vectors}")


def names(connection: Connection, query: str) -> set[str]:
    return set(connection.execute(text(query)).scalars())


def tenant_tables(connection: Connection) -> list[str]:
    """Name the tables that hold rows of tenants, but for what is a part of one."""
    return sorted(names(connection, _TABLES) - names(connection, _PARTS) - SHARED)


def seen(connection: Connection) -> dict[str, int]:
    """Count the rows that a query without any condition gives, table by table."""
    tables = tenant_tables(connection)
    counts = (connection.execute(text(f"SELECT count(*) FROM {t}")).scalar_one() for t in tables)
    return dict(zip(tables, counts, strict=True))


def changed(statement: str) -> Callable[[Connection], dict[str, int]]:
    """Make what counts the rows that a statement without any condition changes."""

    def work(connection: Connection) -> dict[str, int]:
        tables = tenant_tables(connection)
        return {t: connection.execute(text(_of(connection, statement, t))).rowcount for t in tables}

    return work


def _of(connection: Connection, statement: str, table: str) -> str:
    query = "SELECT attname FROM pg_attribute WHERE attrelid = CAST(:t AS regclass) AND attnum = 2"
    column = connection.execute(text(query), {"t": table}).scalar_one()
    return statement.format(table=table, column=column)


def test_every_table_of_the_catalogue_has_a_wall(clean_engine: Engine, database: Database) -> None:
    with clean_engine.connect() as connection:
        assert names(connection, _TABLES) - names(connection, _WALLED) == SHARED


def test_no_view_and_no_function_of_ours_sees_through_the_walls(
    clean_engine: Engine, database: Database
) -> None:
    with clean_engine.connect() as connection:
        assert names(connection, _VIEWS_THAT_LOOK_AS_THEIR_OWNER) == set()
        assert names(connection, _FUNCTIONS_WITH_THEIR_OWNERS_RIGHTS) == {
            "add_embedding_model",
            "drop_embedding_models",
            "enrich_request",
            "extend_ledger",
        }


def test_what_has_its_owners_rights_may_not_be_run_by_everybody(
    clean_engine: Engine, database: Database
) -> None:
    with clean_engine.connect() as connection:
        ours = names(connection, _FUNCTIONS_WITH_THEIR_OWNERS_RIGHTS)
        assert ours & names(connection, _FUNCTIONS_FOR_EVERYBODY) == set()


def test_connections_of_the_program_have_no_right_to_look_over_walls(
    walled_engine: Engine,
) -> None:
    query = "SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user"
    with walled_engine.connect() as connection:
        assert connection.execute(text(query)).scalar_one() is False


def test_a_tenant_sees_its_own_rows_in_every_table(database: Database) -> None:
    counts = database.of("theirs").do(seen)

    assert set(counts.values()) == {1}, counts


def test_a_query_without_conditions_sees_nothing_of_another_tenant(database: Database) -> None:
    counts = database.of("ours").do(seen)

    assert set(counts.values()) == {0}, counts


def test_a_transaction_that_names_nobody_sees_nothing(database: Database) -> None:
    assert set(database.of_nobody().do(seen).values()) == {0}


@pytest.mark.parametrize(
    "statement",
    [
        pytest.param("DELETE FROM {table}", id="delete"),
        pytest.param("UPDATE {table} SET {column} = {column}", id="update"),
    ],
)
def test_a_statement_without_conditions_changes_nothing_of_another_tenant(
    database: Database, statement: str
) -> None:
    counts = database.of("ours").run(changed(statement))

    assert set(counts.values()) == {0}, counts


def test_nothing_is_stored_in_the_name_of_another_tenant(
    database: Database, clean_engine: Engine
) -> None:
    with clean_engine.connect() as connection:
        copies = {table: copy_of(connection, table) for table in tenant_tables(connection)}

    said = {table: said_of(database, copy) for table, copy in copies.items()}

    assert said.keys() == copies.keys()
    assert [one for one in said.values() if "(InsufficientPrivilege, 42501)" not in one] == []


def copy_of(connection: Connection, table: str) -> TextClause:
    """Write what stores a table's row once more."""
    row = connection.execute(text(f"SELECT to_jsonb(t) FROM {table} t")).scalar_one()
    return text(f"""
        INSERT INTO {table} OVERRIDING SYSTEM VALUE
        SELECT * FROM jsonb_populate_record(CAST(NULL AS {table}), :row)
    """).bindparams(bindparam("row", row, JSONB))


def said_of(database: Database, statement: TextClause) -> str:
    """Give what the server says to the tenant `ours` about a statement."""
    with pytest.raises(DatabaseDownError) as refusal:
        database.of("ours").run(lambda c: c.execute(statement))
    return str(refusal.value)


def test_who_looks_across_tenants_says_so_and_sees_all(database: Database) -> None:
    assert set(database.of_all().do(seen).values()) == {1}


def test_a_step_of_a_run_sees_the_tenant_of_its_run(database: Database) -> None:
    run = database.of("theirs").do(lambda c: c.execute(text("SELECT id FROM runs")).scalar_one())

    assert set(database.of_run(run).do(seen).values()) == {1}
    assert set(database.of_run(run + 1).do(seen).values()) == {0}


def test_a_pooled_connection_forgets_whom_it_saw(database: Database) -> None:
    database.of("theirs").run(seen)
    database.of_all().run(seen)

    assert set(database.of_nobody().run(seen).values()) == {0}


@pytest.mark.parametrize(
    "tenant",
    [
        pytest.param("o'brien", id="a quote"),
        pytest.param("100%", id="a percent sign"),
        pytest.param("%(tenant)s", id="the driver's own notation"),
        pytest.param("'; SET LOCAL enrich.all_tenants = 'on'; --", id="a statement"),
        pytest.param("back\\slash", id="a backslash"),
        pytest.param("Zürich 🏔", id="letters beyond ASCII"),
    ],
)
def test_any_name_of_a_tenant_shows_that_tenant_alone(walled_engine: Engine, tenant: str) -> None:
    rows = PostgresRowStore(walled_engine)
    rows.save_columns("other", "t", [Column(key="c", field="city")])
    rows.save_columns(tenant, "t", [Column(key="c", field="city")])

    everything = text("SELECT id FROM tenants")
    visible = Database(walled_engine).of(tenant).do(lambda c: c.execute(everything).scalars().all())

    assert visible == [tenant]
