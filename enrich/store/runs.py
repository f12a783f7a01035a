"""Runs in PostgreSQL: made, told about, cancelled and taken up again."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Engine, Row, text

from enrich.domain.run import BatchRef, OpenBatch, Phase, Response, RunState, RunView
from enrich.errors import UnknownNameError
from enrich.ports.runs import Finished, NewRun, RunSummary, Settled, Settlement, Swept
from enrich.store.batches import finished_of, let_go, open_batch, settle_batch, sweep_batches
from enrich.store.codec import cleaned, dumps
from enrich.store.engine import Database
from enrich.store.responses import evidence_of, record_responses, skipped_by
from enrich.store.run_codec import options_to_json, run_view
from enrich.store.run_summaries import known_run, summaries
from enrich.store.selection import selected
from enrich.store.tables import find_table

__all__ = ["PostgresRunStore"]

_INSERT_RUN = text("""
    INSERT INTO runs (tenant_id, table_id, wanted, options, reply_to, state)
    VALUES (:tenant, :table_id, :wanted, CAST(:options AS jsonb), :reply_to, 'running')
    ON CONFLICT (reply_to) WHERE reply_to <> '' DO NOTHING
    RETURNING id
""")
_SAME_REQUEST = text("SELECT id FROM runs WHERE reply_to = :reply_to AND reply_to <> ''")
_ENDED = text("SELECT id, reply_to, state FROM runs WHERE id = :run_id AND state <> 'running'")
_VIEW = text("SELECT * FROM run_views WHERE run_id = :run_id")

# A million rows become batches without passing through this process.
_INSERT_BATCHES = """
    WITH chosen AS (
        SELECT r.id, (row_number() OVER (ORDER BY r.id) - 1) / :batch_rows + 1 AS number
        FROM rows r WHERE {selected}),
    cut AS (
        INSERT INTO batches (run_id, number, phase, row_ids, lease_until, holder, unopened)
        SELECT :run_id, c.number,
               CASE WHEN c.number <= :in_flight THEN 'probe' ELSE 'queued' END,
               array_agg(c.id ORDER BY c.id),
               CASE WHEN c.number <= :in_flight THEN now() + make_interval(secs => :lease_s) END,
               CASE WHEN c.number <= :in_flight THEN :holder ELSE '' END,
               (c.number <= :in_flight)::integer
        FROM chosen c GROUP BY c.number
        RETURNING number, phase, attempt, cardinality(row_ids) AS size),
    total AS (SELECT count(*) AS batches, coalesce(sum(size), 0) AS size FROM cut),
    run AS (
        UPDATE runs SET batches_total = total.batches, rows_total = total.size,
            state = CASE WHEN total.batches = 0 THEN 'done' ELSE state END,
            finished_at = CASE WHEN total.batches = 0 THEN now() END
        FROM total WHERE id = :run_id)
    SELECT number, attempt FROM cut WHERE phase = 'probe' ORDER BY number
"""

_MISSING_KEYS = text("""
    SELECT k FROM unnest(CAST(:keys AS text[])) AS k
    WHERE NOT EXISTS (SELECT FROM rows r WHERE r.table_id = :table_id AND r.key = k) LIMIT 1
""")

# Batches before their run, as everywhere: see `advance_run`. What a step adds meanwhile is seen by
# the second update, because the run's row is held by then.
_CANCEL_BATCHES = text("""
    WITH mine AS MATERIALIZED (
        SELECT b.number FROM batches b
        WHERE b.run_id = :run_id AND b.phase IN ('queued', 'probe', 'premium')
        ORDER BY b.number FOR UPDATE)
    UPDATE batches b SET phase = 'cancelled', lease_until = NULL
    FROM mine WHERE b.run_id = :run_id AND b.number = mine.number
""")
_CANCEL_RUN = text("""
    UPDATE runs SET state = 'cancelled', finished_at = now(), batches_ended = batches_total
    WHERE id = :run_id AND state = 'running'
""")

_RETRY_BATCHES = text("""
    WITH mine AS MATERIALIZED (
        SELECT b.number FROM batches b
        WHERE b.run_id = :run_id AND b.phase = 'parked' ORDER BY b.number FOR UPDATE)
    UPDATE batches b
    SET phase = 'queued', wave = 0, attempt = b.attempt + 1, lost = 0, reason = ''
    FROM mine WHERE b.run_id = :run_id AND b.number = mine.number
""")
_RETRY_RUN = text("""
    UPDATE runs SET state = 'running', finished_at = NULL, batches_ended = batches_ended - :ended
    WHERE id = :run_id
""")
_LAUNCH = text("""
    SELECT number, attempt FROM launch_batches(:run_id, :in_flight, :lease_s, :holder)
    ORDER BY number
""")
_EXTEND = text("SELECT extend_ledger(:months)")


class PostgresRunStore:
    """The port `RunStore` on PostgreSQL."""

    def __init__(self, engine: Engine, *, holder: str = "") -> None:
        """`holder` names this process among those that launch and open batches."""
        self._database, self._holder = Database(engine), holder

    def create(
        self, new: NewRun, *, in_flight: int, lease_s: float
    ) -> tuple[RunView, tuple[BatchRef, ...]]:
        """Store a run and its batches; put the first `in_flight` of them under a lease.

        An empty selection makes a run that is done. A request that was stored before, known by its
        `reply_to`, gives that run and no batches. Raises `UnknownNameError`.
        """
        options = dumps(options_to_json(new.options), name="options")

        def work(connection: Connection) -> tuple[RunView, tuple[BatchRef, ...]]:
            connection.exec_driver_sql("SET LOCAL statement_timeout = '5min'")
            table_id = _check_names(connection, new)
            run = {
                "tenant": cleaned(new.tenant),
                "table_id": table_id,
                "wanted": list(new.wanted),
                "options": options,
                "reply_to": cleaned(new.reply_to),
            }
            run_id = connection.execute(_INSERT_RUN, run).scalar()
            if run_id is None:
                run_id = connection.execute(_SAME_REQUEST, run).scalar_one()
                before = connection.execute(_VIEW, {"run_id": run_id}).mappings().one()
                return run_view(before), ()
            cut = {"run_id": run_id, "table_id": table_id, "batch_rows": new.batch_rows}
            launch = {"in_flight": in_flight, "lease_s": lease_s, "holder": self._holder}
            refs = _cut(connection, new, {**cut, **launch})
            view = connection.execute(_VIEW, {"run_id": run_id}).mappings().one()
            return run_view(view), refs

        return self._database.of(new.tenant).run(work)

    def open(
        self, ref: BatchRef, *, lease_s: float, provider: str | None = None
    ) -> OpenBatch | None:
        """Read a batch with its rows and responses, and renew its lease.

        None when it has moved on, was cancelled or belongs to a newer attempt: stop quietly. The
        responses are the batch's own, and those of the run's other batches that ended a question;
        of several to one question, the one that ended it or else the newest.
        """
        return self._database.of_run(ref.run_id).do(
            lambda c: open_batch(c, ref, lease_s, provider, self._holder)
        )

    def record(self, ref: BatchRef, responses: Sequence[Response]) -> int:
        """Append to the ledger; a response that is there already (same row and question) is kept.

        Returns how many were new. What is said about a row that is no more is not kept.
        """
        return self._database.of_run(ref.run_id).do(lambda c: record_responses(c, ref, responses))

    def settle(
        self, ref: BatchRef, settlement: Settlement, *, in_flight: int, lease_s: float
    ) -> Settled:
        """Write cells, move the batch on and, at its end, launch the next: all or nothing."""
        return self._database.of_run(ref.run_id).do(
            lambda c: settle_batch(c, ref, settlement, in_flight=in_flight, lease_s=lease_s)
        )

    def extend_ledger(self, *, months: int) -> int:
        """Make the ledger's parts for this month and the next `months`; gives how many are new."""

        def work(connection: Connection) -> int:
            # Lines that came before their month was made are moved into it.
            connection.exec_driver_sql("SET LOCAL statement_timeout = '5min'")
            return int(connection.execute(_EXTEND, {"months": months}).scalar_one())

        return self._database.of_nobody().run(work)

    def sweep(self, *, lease_s: float, max_attempts: int, limit: int = 100) -> Swept:
        """Take batches whose lease ran out or whose moment has come, under a new attempt.

        Two sweeps at once share the work. A batch past its attempts is parked with its reason.
        """
        return self._database.of_all().run(
            lambda c: sweep_batches(
                c,
                lease_s=lease_s,
                max_attempts=max_attempts,
                limit=limit,
                holder=self._holder,
            )
        )

    def let_go(self, holder: str, *, is_lost: bool) -> int:
        """End the leases of the batches in a process's hands, so that the sweep takes them.

        `is_lost`: it died with them, which counts against those that it had opened; else it hands
        them back.
        """
        if not holder:
            return 0
        return self._database.of_all().do(lambda c: let_go(c, holder, is_lost=is_lost))

    def summary(self, tenant: str, run_id: int) -> RunSummary:
        """Tell how a run stands. Raises `UnknownNameError`."""
        return self._database.of(tenant).do(lambda c: known_run(c, tenant, run_id))

    def runs(
        self, tenant: str, *, limit: int = 50, before: int | None = None
    ) -> tuple[RunSummary, ...]:
        """List a tenant's newest runs, or those older than the run `before`."""
        return self._database.of(tenant).do(lambda c: summaries(c, tenant, None, limit, before))

    def skipped(self, tenant: str, run_id: int, reason: str) -> tuple[str, ...]:
        """Name the providers that a run did not ask about some row for this reason."""
        return self._database.of(tenant).do(lambda c: skipped_by(c, tenant, run_id, reason))

    def ended(self, run_id: int) -> Finished | None:
        """Give a run that has ended, whenever that was; None while it is under way or gone."""
        found = self._database.of_run(run_id).do(
            lambda c: c.execute(_ENDED, {"run_id": run_id}).one_or_none()
        )
        return finished_of(found) if found else None

    def cancel(self, tenant: str, run_id: int) -> bool:
        """Stop a run: its batches end, late results change nothing. False when it had ended."""

        def work(connection: Connection) -> bool:
            run = {"run_id": known_run(connection, tenant, run_id).id}
            connection.execute(_CANCEL_BATCHES, run)
            won = connection.execute(_CANCEL_RUN, run).rowcount == 1
            connection.execute(_CANCEL_BATCHES, run)
            return won

        return self._database.of(tenant).run(work)

    def retry(
        self, tenant: str, run_id: int, *, in_flight: int, lease_s: float
    ) -> tuple[BatchRef, ...]:
        """Take up a run's parked batches again, with their attempts forgotten.

        A run that was cancelled stays so: nothing is taken up.
        """

        def work(connection: Connection) -> tuple[BatchRef, ...]:
            run = {"run_id": run_id}
            if known_run(connection, tenant, run_id).state is RunState.CANCELLED:
                return ()
            ended = connection.execute(_RETRY_BATCHES, run).rowcount
            if not ended:
                return ()
            connection.execute(_RETRY_RUN, {**run, "ended": ended})
            launch = {"in_flight": in_flight, "lease_s": lease_s, "holder": self._holder}
            return _refs(run_id, connection.execute(_LAUNCH, {**run, **launch}))

        return self._database.of(tenant).run(work)

    def evidence(self, tenant: str, table: str, key: str) -> tuple[tuple[int, Response], ...]:
        """Give all that was ever said about a row, newest first, with the run's id."""
        return self._database.of(tenant).do(lambda c: evidence_of(c, tenant, table, key))


def _check_names(connection: Connection, new: NewRun) -> int:
    found = find_table(connection, new.tenant, new.table)
    for key in new.wanted:
        found.check_column(key)
    if new.selection.keys is not None:
        asked = {"table_id": found.id, "keys": [cleaned(key) for key in new.selection.keys]}
        missing = connection.execute(_MISSING_KEYS, asked).scalar()
        if missing is not None:
            raise UnknownNameError("row", missing, within=f"table {new.table!r}")
    return found.id


def _cut(connection: Connection, new: NewRun, cut: dict[str, Any]) -> tuple[BatchRef, ...]:
    condition, values = selected(new.selection, new.wanted)
    statement = text(_INSERT_BATCHES.format(selected=condition))
    return _refs(cut["run_id"], connection.execute(statement, {**values, **cut}))


def _refs(run_id: int, found: Iterable[Row[Any]]) -> tuple[BatchRef, ...]:
    return tuple(
        BatchRef(run_id=run_id, number=raw.number, attempt=raw.attempt, phase=Phase.PROBE)
        for raw in found
    )
