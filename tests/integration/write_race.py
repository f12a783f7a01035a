"""Writers that race for the same cells, from threads and from processes, and who lost count."""

import json
import multiprocessing
import random
import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

from sqlalchemy import Connection, Engine, text

from enrich.domain.table import CellWrite, Column
from enrich.store.codec import writes_to_json
from enrich.store.rows import PostgresRowStore
from tests.store_fixtures import TABLE, TENANT, filled, patient_engine

WRITERS = 8
_SQL = Path(__file__).parents[2] / "migrations" / "sql" / "0001_write_cells.sql"
_CALL = text("""
    SELECT written, superseded, protected, gone FROM write_cells(
        :tenant, (SELECT id FROM tables WHERE tenant_id = :tenant AND name = :table),
        CAST(:writes AS jsonb))
""")


def call(
    connection: Connection, writes: Sequence[CellWrite] | str, tenant: str = TENANT
) -> tuple[int, int, int, int]:
    """Call the SQL function itself: no retry, no check in Python."""
    encoded = writes if isinstance(writes, str) else writes_to_json(writes)
    asked = {"tenant": tenant, "table": TABLE, "writes": encoded}
    written, superseded, protected, gone = connection.execute(_CALL, asked).one()
    return written, superseded, protected, gone


def columns(keys: Sequence[str]) -> list[Column]:
    """Build enriched columns."""
    return [Column(key=key, field="city", enriched=True, position=n) for n, key in enumerate(keys)]


def at_once(writers: int, work: Callable[[int], None]) -> None:
    """Let threads begin together; raise what any of them raised."""
    barrier = Barrier(writers)

    def begin(number: int) -> None:
        barrier.wait(timeout=60)
        work(number)

    with ThreadPoolExecutor(writers) as pool:
        list(pool.map(begin, range(writers)))


def write_shuffled_versions(engine: Engine, rows: Sequence[int], seed: int) -> int:
    """Write versions 1 to 40 of 5 cells of each row, shuffled, 25 a statement, from 8 threads.

    Gives how many of the cells do not hold version 40 in the end.
    """
    keys = [f"c{n}" for n in range(5)]
    writes = [
        filled(row, key, version, version)
        for row in rows
        for key in keys
        for version in range(1, 41)
    ]
    random.Random(seed).shuffle(writes)
    portions = [writes[start : start + 25] for start in range(0, len(writes), 25)]

    def work(number: int) -> None:
        for portion in portions[number::WRITERS]:
            with engine.begin() as connection:
                call(connection, portion)

    at_once(WRITERS, work)
    return sum(
        row.data.get(key) != 40
        for row in PostgresRowStore(engine).scan(TENANT, TABLE)
        for key in keys
    )


def install_without_guard_on_locked_rows(engine: Engine) -> None:
    """Install the function with its guard moved to a fresh scan: the mistake to be caught."""
    source = _SQL.read_text(encoding="utf-8")
    function = source[source.index("CREATE FUNCTION write_cells") :]
    join = "LEFT JOIN locked l ON l.id = n.row_id"
    assert function.count(join) == 1
    moved = function.replace(join, "LEFT JOIN rows l ON l.id = n.row_id")
    # The locks are still taken first; only what they showed is thrown away.
    forced, times = re.subn(
        r"FROM judged j WHERE j\.verdict = 'written' GROUP BY",
        "FROM judged j WHERE j.verdict = 'written' AND (SELECT count(*) FROM locked) > 0 GROUP BY",
        moved,
    )
    assert times == 1
    _replace(engine, forced)


def install(engine: Engine) -> None:
    """Install the real function again."""
    source = _SQL.read_text(encoding="utf-8")
    _replace(engine, source[source.index("CREATE FUNCTION write_cells") :])


def _replace(engine: Engine, function: str) -> None:
    with engine.begin() as connection:
        connection.execute(text(function.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")))


def write_from_processes(url: str, plan: Sequence[Sequence[tuple[int, str, int]]]) -> None:
    """Let one process per list write its cells (row, column, number), one statement each."""
    # One process imports what they need; the others are forks of it, before any connection is made.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    barrier = context.Barrier(len(plan))
    workers = [
        context.Process(target=_write_each, args=(url, json.dumps(cells), barrier))
        for cells in plan
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(timeout=100)
    assert [worker.exitcode for worker in workers] == [0] * len(plan)


def _write_each(url: str, cells: str, barrier: Barrier) -> None:
    engine = patient_engine(url, pool_size=1)
    store = PostgresRowStore(engine)
    barrier.wait(timeout=100)
    for row, column, number in json.loads(cells):
        store.write_cells(TENANT, TABLE, [filled(row, column, number, number)])
    engine.dispose()
