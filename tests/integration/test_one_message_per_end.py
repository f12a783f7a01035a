"""Two who tell webhooks of one end at the same moment leave one message."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import pytest
from sqlalchemy import Engine, text

from enrich.domain.run import RunOptions
from enrich.ports.runs import NewRun, Selection
from enrich.store.rows import PostgresRowStore
from enrich.store.runs import PostgresRunStore
from enrich.store.webhooks import PostgresWebhooks
from tests.store_fixtures import TABLE, TENANT, clean_engine, make_table, store_url
from tests.store_fixtures import patient_store_engine as store_engine
from tests.waiting import eventually

__all__ = ["clean_engine", "store_engine", "store_url"]

pytestmark = pytest.mark.servers

_LISTENS = """
    INSERT INTO webhooks (id, tenant_id, url, sealed)
    VALUES (gen_random_uuid(), :tenant, 'https://hooks.example.com/', '')
"""
#: What the first of them does: its message is written, and not yet committed.
_TOLD_FIRST = (
    "SELECT FROM runs WHERE id = :run FOR NO KEY UPDATE",
    """
    INSERT INTO deliveries (webhook_id, event, body)
    SELECT id, 'run.finished', jsonb_build_object('run', jsonb_build_object(
        'run_id', CAST(:run AS bigint), 'finished_at', CAST(:at AS text))) FROM webhooks
    """,
)
_WAITERS = """
    SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'
      AND pid <> pg_backend_pid() AND datname = current_database()
      AND query LIKE '%FROM runs WHERE id%'
"""


def test_the_second_waits_for_the_first_and_adds_nothing(clean_engine: Engine) -> None:
    make_table(PostgresRowStore(clean_engine), 1)
    new = NewRun(
        tenant=TENANT, table=TABLE, wanted=("industry",), selection=Selection(),
        options=RunOptions(), batch_rows=1, reply_to="",
    )  # fmt: skip
    run, _ = PostgresRunStore(clean_engine).create(new, in_flight=1, lease_s=60)
    hooks = PostgresWebhooks(clean_engine, cast(Any, None))
    end: Any = {"run_id": run.id, "finished_at": "2026-03-01T03:00:09+00:00"}

    with ThreadPoolExecutor(1) as second, clean_engine.connect() as first:
        first.execute(text(_LISTENS), {"tenant": TENANT})
        first.commit()
        for statement in _TOLD_FIRST:
            first.execute(text(statement), {"run": run.id, "at": end["finished_at"]})
        added = second.submit(hooks.note_run, run.id, end)
        assert eventually(lambda: added.done() or _scalar(clean_engine, _WAITERS) > 0)
        first.commit()

        assert added.result(60) == 0
    assert _scalar(clean_engine, "SELECT count(*) FROM deliveries") == 1


def _scalar(engine: Engine, query: str) -> int:
    with engine.connect() as connection:
        return int(connection.execute(text(query)).scalar_one())
