"""The engine as it is installed: embedded servers, supervised workers, rows by the thousand."""

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg2

from enrich.domain.run import Force, RunOptions
from enrich.domain.table import Column
from enrich.embedded.processes import Supervisor
from tests.benchmarks.throughput.vendors import FIELDS, NAMES, PLACES

if TYPE_CHECKING:
    from enrich.bootstrap import Services
    from tasks.canvas import CeleryDispatcher

__all__ = ["Installation", "environment", "installed"]

_ROWS = """
    INSERT INTO rows (table_id, tenant_id, key, data)
    SELECT id, tenant_id, 'row_' || n, jsonb_build_object('company', %s || ' ' || n)
    FROM tables, generate_series(1, %s) AS n WHERE name = %s
"""
_FILLED = """
    SELECT count(*) FROM rows r JOIN tables t ON t.id = r.table_id, jsonb_each(r.data) AS d
    WHERE t.name = %s AND d.key = ANY (%s)
"""
#: Cheap where much is open yet: the first row that is not whole answers it.
_OPEN = """
    SELECT EXISTS (SELECT FROM rows r JOIN tables t ON t.id = r.table_id
                   WHERE t.name = %s AND NOT r.data ?& %s)
"""
#: A million rows take ten minutes.
_PATIENCE_S = 3_000.0
#: Each look costs what is measured some processor time.
_LOOK_EVERY_S = 0.02


def environment(home: Path) -> dict[str, str]:
    """Give the settings that differ from those of any installation: where, and whom to ask."""
    return {
        "ENRICH_HOME": str(home),
        "ENRICH_PROVIDERS__NAMES": ",".join(NAMES),
        "ENRICH_PROVIDERS__MODULES": ",".join(PLACES),
        "ENRICH_LOG__LEVEL": "WARNING",
    }


@dataclass(slots=True)
class Installation:
    """Servers and workers that run, and tables that are made as they are needed."""

    services: "Services"
    supervisor: Supervisor
    dispatcher: "CeleryDispatcher"
    tables: int = 0

    def table(self, rows: int, *, company: str = "", fields: Sequence[str] = FIELDS) -> str:
        """Make a table of companies nobody has asked about, or of one that somebody has."""
        self.tables += 1
        name = f"bench{self.tables}"
        columns = [Column(key="company", field="company_name")]
        columns += [
            Column(key=field, field=field, enriched=True, position=place)
            for place, field in enumerate(fields, start=1)
        ]
        self.services.parts.rows.save_columns("default", name, columns)
        self.execute(_ROWS, company or name, rows, name)
        self.execute("ANALYZE rows")
        return name

    def batch(self, table: str, *, force: Force = Force.NONE, parallel: bool = True) -> float:
        """Enrich a whole table; give the seconds from the request to the last cell."""
        # Imported late: the settings are read when it is.
        from enrich.engine.submit import RunRequest, submit

        options = RunOptions(force=force, parallel_probes=parallel)
        started_s = time.perf_counter()
        begun = submit(self.services.parts, RunRequest(table=table, options=options))
        self.dispatcher.dispatch(begun.steps)
        end_s = started_s + _PATIENCE_S
        while self.services.parts.runs.ended(begun.run.id) is None:
            assert time.perf_counter() < end_s, "the run does not end"
            time.sleep(_LOOK_EVERY_S)
        return time.perf_counter() - started_s

    def until_filled(
        self,
        table: str,
        started_s: float,
        *,
        fields: Sequence[str] = FIELDS,
        patience_s: float = _PATIENCE_S,
    ) -> float:
        """Wait until these cells of all rows are filled; give the seconds since then."""
        while self.execute(_OPEN, table, list(fields))[0][0]:
            assert time.perf_counter() - started_s < patience_s, "not all cells are filled"
            time.sleep(_LOOK_EVERY_S)
        return time.perf_counter() - started_s

    def filled(self, table: str, *, fields: Sequence[str] = FIELDS) -> int:
        """Count the filled cells of a table."""
        return int(self.execute(_FILLED, table, list(fields))[0][0])

    def execute(self, statement: str, *values: Any) -> Sequence[Any]:
        """Run a statement in a transaction of its own."""
        connection = psycopg2.connect(self.services.endpoints.database_url)
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute(statement, values)
                return cursor.fetchall() if cursor.description else ()
        finally:
            connection.close()


@contextmanager
def installed(
    home: Path, *, workers: int = 2, more: Mapping[str, str] | None = None
) -> Iterator[Installation]:
    """Start it all, with `more` settings than the usual ones; it ends with the block."""
    os.environ |= environment(home) | (more or {})
    # Imported late: the settings are read when they are.
    from enrich.bootstrap import build
    from enrich.cli.workers import dispatching, own_servers, wait_until_ready, worker_programs

    with ExitStack() as stack:
        stack.enter_context(own_servers())
        services = build()
        stack.callback(services.close)
        programs = worker_programs(workers, log=home)
        supervisor = stack.enter_context(Supervisor(programs))
        for program in programs:
            wait_until_ready(supervisor, program)
        yield Installation(services, supervisor, stack.enter_context(dispatching()))
