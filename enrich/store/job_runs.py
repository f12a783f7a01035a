"""Jobs that share a run, in PostgreSQL: begun together and ended together, in one call each."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, text

from enrich.domain.job import JOBS_PREFIX, Job, JobState
from enrich.domain.run import BatchRef, OpenBatch, Phase, Progress, RunState, RunView
from enrich.domain.values import only_known
from enrich.errors import UnknownNameError
from enrich.ports.jobs import Beginning, Ending, JobEnd, JobRun
from enrich.store.codec import cleaned, dumps, dumps_each, row_from_json
from enrich.store.columns import columns_from_json
from enrich.store.run_codec import options_to_json
from enrich.store.tables import find_table

__all__ = ["begin_together", "end_together", "ending_of", "job_of"]

# Jobs, then rows, each in one order for everybody. What is laid over a row is typed, and older than
# the run: its number is drawn when all stamps are.
_BEGIN = text("""
    SELECT FROM jobs WHERE id = ANY (CAST(:ids AS uuid[])) ORDER BY id FOR NO KEY UPDATE;
    SELECT count(*) FROM (
        SELECT FROM tables t JOIN rows r ON r.table_id = t.id
        WHERE t.tenant_id = :tenant AND t.name = :table AND r.key = ANY (CAST(:keys AS text[]))
        ORDER BY r.id FOR NO KEY UPDATE OF r) AS held;
    WITH home AS MATERIALIZED (
        SELECT t.id, (SELECT jsonb_agg(to_jsonb(c) ORDER BY c.position, c.key)
                      FROM columns c WHERE c.table_id = t.id) AS columns
        FROM tables t
        WHERE t.tenant_id = :tenant AND t.name = :table AND NOT EXISTS (
            SELECT FROM unnest(CAST(:needed AS text[])) AS n (key) WHERE NOT EXISTS (
                SELECT FROM columns c WHERE c.table_id = t.id AND c.key = n.key))),
    mine AS MATERIALIZED (
        SELECT j.id, h.id AS table_id, j.candidate_id, a.data
        FROM home h, jsonb_to_recordset(CAST(:jobs AS jsonb)) AS a (
            id uuid, attempts integer, data jsonb)
        JOIN jobs j ON j.id = a.id AND j.attempts = a.attempts AND j.state = 'queued'),
    laid AS (
        INSERT INTO rows AS r (table_id, tenant_id, key, data)
        SELECT m.table_id, :tenant, m.candidate_id, m.data FROM mine m ORDER BY m.candidate_id
        ON CONFLICT (table_id, key) DO UPDATE
        SET data = r.data || excluded.data, version = r.version + 1, updated_at = now(),
            cells = r.cells || coalesce((
                SELECT jsonb_object_agg(e.key, jsonb_build_object(
                    'state', 'filled', 'provider', 'person', 'confidence', 1.0,
                    'observed_at', now(), 'run', nextval('stamps'), 'fence', 0,
                    'support', 0, 'agreement', 0.0))
                FROM jsonb_each(excluded.data) e
                WHERE r.data -> e.key IS DISTINCT FROM e.value), '{}')
        RETURNING r.id, r.key, r.data, r.cells),
    cut AS MATERIALIZED (
        SELECT nextval('stamps') AS id, l.ids, l.rows FROM (
            SELECT array_agg(l.id ORDER BY l.id) AS ids, json_agg(l ORDER BY l.id) AS rows
            FROM laid l OFFSET 0) AS l
        WHERE l.ids IS NOT NULL),
    run AS (
        INSERT INTO runs (id, tenant_id, table_id, wanted, options, reply_to, state, rows_total,
                          batches_total)
        SELECT c.id, :tenant, h.id, CAST(:wanted AS text[]), CAST(:options AS jsonb),
               CAST(:prefix AS text) || c.id, 'running', cardinality(c.ids), 1
        FROM cut c, home h),
    batch AS (
        INSERT INTO batches (run_id, number, phase, row_ids, lease_until, holder)
        SELECT c.id, 1, 'probe', c.ids, now() + make_interval(secs => :lease_s), :holder
        FROM cut c),
    begun AS (
        UPDATE jobs j
        SET state = 'processing', run_id = c.id, payload = NULL, updated_at = now()
        FROM mine m, cut c WHERE j.id = m.id)
    SELECT h.columns, c.id AS run_id, c.rows FROM home h LEFT JOIN cut c ON true
""")

# Rows that wait for their moment lie in a batch that is still open.
_ENDING = text("""
    SELECT j.*, r.id AS row_id, r.key AS row_key, r.data AS row_data, r.cells AS row_cells,
           u.id AS run, u.state AS run_state, u.wanted, u.started_at, u.finished_at,
           ARRAY(SELECT DISTINCT b.reason FROM batches b
                 WHERE b.run_id = u.id AND b.phase = 'parked' AND r.id = ANY (b.row_ids)
                 ORDER BY b.reason) AS parked,
           said.kinds, said.cost
    FROM jobs j
    LEFT JOIN runs u ON u.id = j.run_id
    LEFT JOIN rows r ON r.table_id = u.table_id AND r.key = j.candidate_id
    CROSS JOIN LATERAL (
        SELECT coalesce(jsonb_object_agg(k.kind, k.number), '{}') AS kinds,
               coalesce(sum(k.cost), 0)::bigint AS cost
        FROM (SELECT s.kind, count(*) AS number, sum(s.cost_microcredits) AS cost
              FROM responses s
              WHERE s.run_id = u.id AND s.filed_on = u.filed_on AND s.row_id = r.id
              GROUP BY s.kind) AS k) AS said
    WHERE j.id = ANY (CAST(:ids AS uuid[])) AND j.state = 'processing'
      AND (u.state IS DISTINCT FROM 'running' OR NOT EXISTS (
          SELECT FROM batches b
          WHERE b.run_id = u.id AND b.phase IN ('queued', 'probe', 'premium')
            AND r.id = ANY (b.row_ids)))
    ORDER BY j.id
""")

# What is told has no value of the profile in it: a message cannot be called back.
_END = text("""
    WITH mine AS MATERIALIZED (
        SELECT j.id, a.state, a.result, a.error
        FROM jsonb_to_recordset(CAST(:ends AS jsonb)) AS a (
            id uuid, attempts integer, state text, result jsonb, error text)
        JOIN jobs j ON j.id = a.id AND j.attempts = a.attempts
            AND j.state IN ('queued', 'processing')
        ORDER BY j.id FOR NO KEY UPDATE OF j),
    ended AS (
        UPDATE jobs j SET state = m.state, result = m.result, error = m.error, payload = NULL,
            updated_at = now()
        FROM mine m WHERE j.id = m.id
        RETURNING j.id, j.tenant_id, j.candidate_id, j.state, j.attempts),
    told AS (
        INSERT INTO deliveries (webhook_id, job_id, event, body)
        SELECT w.id, e.id, 'job.' || e.state, jsonb_build_object('job', jsonb_build_object(
            'jobId', e.id, 'tenantId', e.tenant_id, 'candidateId', e.candidate_id,
            'status', e.state, 'attemptCount', e.attempts))
        FROM ended e JOIN webhooks w ON w.tenant_id = e.tenant_id RETURNING id)
    SELECT count(*) FROM told
""")


def begin_together(
    connection: Connection, beginning: Beginning, *, lease_s: float, holder: str
) -> OpenBatch | None:
    """Lay profiles over rows and store the run of them; None when none of the jobs is queued."""
    rows = {job.id: only_known(data) for job, data in beginning.jobs}
    needed = {*beginning.wanted, *(key for data in rows.values() for key in data)}
    asked = {
        "tenant": cleaned(beginning.tenant),
        "table": cleaned(beginning.table),
        "ids": list(rows),
        "keys": [job.candidate for job, _ in beginning.jobs],
        "needed": [cleaned(key) for key in needed],
        "jobs": dumps(
            [
                {"id": job.id, "attempts": job.attempts, "data": rows[job.id]}
                for job, _ in beginning.jobs
            ],
            name="payload",
        ),
        "wanted": [cleaned(key) for key in beginning.wanted],
        "options": dumps(options_to_json(beginning.options), name="options"),
        "prefix": JOBS_PREFIX,
        "lease_s": lease_s,
        "holder": holder,
    }
    found = connection.execute(_BEGIN, asked).mappings().one_or_none()
    if found is None:
        table = find_table(connection, beginning.tenant, beginning.table)
        for key in sorted(needed):
            table.check_column(key)
        raise UnknownNameError("column", "", within=f"table {beginning.table!r}")
    return _batch(beginning, found) if found["run_id"] else None


def _batch(beginning: Beginning, found: Mapping[Any, Any]) -> OpenBatch:
    run = RunView(
        id=found["run_id"],
        tenant=beginning.tenant,
        table=beginning.table,
        columns=columns_from_json(found["columns"] or ()),
        wanted=beginning.wanted,
        options=beginning.options,
    )
    return OpenBatch(
        ref=BatchRef(run_id=run.id, number=1, attempt=1, phase=Phase.PROBE),
        run=run,
        rows=tuple(map(row_from_json, found["rows"])),
        responses=(),
        progress=Progress(),
    )


def ending_of(connection: Connection, ids: Collection[str]) -> Sequence[Ending]:
    """Give those of these jobs on whose row nobody works any more."""
    found = connection.execute(_ENDING, {"ids": list(ids)}).mappings().all()
    return tuple(map(_ending, found))


def _ending(raw: Mapping[Any, Any]) -> Ending:
    row = raw["row_id"] and row_from_json(
        {"id": raw["row_id"], "key": raw["row_key"]}
        | {"data": raw["row_data"], "cells": raw["row_cells"]}
    )
    return Ending(
        job=job_of(raw),
        run=_run(raw) if raw["run"] else None,
        row=row or None,
        kinds=raw["kinds"],
        cost_microcredits=raw["cost"],
    )


def _run(raw: Mapping[Any, Any]) -> JobRun:
    return JobRun(
        id=raw["run"],
        state=RunState(raw["run_state"]),
        wanted=tuple(raw["wanted"]),
        started_at=raw["started_at"],
        finished_at=raw["finished_at"],
        parked=tuple(raw["parked"]),
    )


def end_together(connection: Connection, ends: Sequence[JobEnd]) -> int:
    """End attempts, each once; gives how many messages there are to webhooks."""
    written = [
        {
            "id": end.job.id,
            "attempts": end.job.attempts,
            "state": end.state,
            "result": end.result,
            "error": cleaned(end.error),
        }
        for end in ends
    ]
    told = dumps_each(written, ["result"] * len(written))
    return int(connection.execute(_END, {"ends": told}).scalar_one())


def job_of(raw: Mapping[Any, Any]) -> Job:
    """Decode a row of `jobs`."""
    return Job(
        id=str(raw["id"]),
        tenant=raw["tenant_id"],
        candidate=raw["candidate_id"],
        state=JobState(raw["state"]),
        attempts=raw["attempts"],
        is_forced=raw["is_forced"],
        created_at=raw["created_at"],
        updated_at=raw["updated_at"],
        payload=raw["payload"],
        run=raw["run_id"],
        error=raw["error"],
        result=raw["result"],
    )
