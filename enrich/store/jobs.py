"""Jobs in PostgreSQL."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, text

from enrich.domain.job import Job, JobState, NewJob, Submission
from enrich.domain.run import RunView
from enrich.domain.values import JsonObject
from enrich.errors import UnknownNameError
from enrich.ports.jobs import Beginning
from enrich.ports.rows import NewRow
from enrich.store.codec import checked_name, cleaned, dumps
from enrich.store.engine import Database
from enrich.store.imports import put_row
from enrich.store.run_codec import options_to_json, run_view
from enrich.store.tables import find_table

__all__ = ["PostgresJobs"]

_TAKE = text("""
    SELECT verdict, job, run FROM take_profile(
        :tenant, :candidate, :payload_hash, CAST(:payload AS jsonb), :is_forced, :key, :body_hash,
        :window_s, :table, CAST(:data AS jsonb), :wanted, CAST(:options AS jsonb), :lease_s)
""")
_FIND = text("""
    SELECT * FROM jobs
    WHERE id = CAST(:id AS uuid) AND (CAST(:tenant AS text) IS NULL OR tenant_id = :tenant)
""")
_HOLD = text("""
    SELECT FROM jobs
    WHERE id = CAST(:id AS uuid) AND attempts = :attempts AND state = 'queued' FOR KEY SHARE
""")
_START = text("""
    UPDATE jobs SET state = 'processing', run_id = :run, payload = NULL, updated_at = now()
    WHERE id = CAST(:id AS uuid) AND attempts = :attempts AND state = 'queued'
""")
# What is told has no value of the profile in it: a message cannot be called back.
_END = text("""
    WITH ended AS (
        UPDATE jobs SET state = :state, result = CAST(:result AS jsonb), error = :error,
            payload = NULL, updated_at = now()
        WHERE id = CAST(:id AS uuid) AND attempts = :attempts
          AND state IN ('queued', 'processing')
        RETURNING *),
    told AS (
        INSERT INTO deliveries (webhook_id, job_id, event, body)
        SELECT w.id, e.id, 'job.' || e.state, jsonb_build_object('job', jsonb_build_object(
            'jobId', e.id, 'tenantId', e.tenant_id, 'candidateId', e.candidate_id,
            'status', e.state, 'attemptCount', e.attempts))
        FROM ended e JOIN webhooks w ON w.tenant_id = e.tenant_id RETURNING id)
    SELECT (SELECT count(*) FROM ended), (SELECT count(*) FROM told)
""")
_OVERDUE = text("""
    UPDATE jobs SET updated_at = now() WHERE id IN (
        SELECT j.id FROM jobs j
        WHERE j.state IN ('queued', 'processing')
          AND j.updated_at < now() - make_interval(secs => :older_than_s)
          AND (j.state = 'queued' OR NOT EXISTS (
              SELECT FROM runs r WHERE r.id = j.run_id AND r.state = 'running'))
        ORDER BY j.updated_at LIMIT :limit FOR UPDATE SKIP LOCKED)
    RETURNING *
""")
_FORGET = text("""
    DELETE FROM jobs WHERE id IN (
        SELECT id FROM jobs WHERE created_at < now() - make_interval(secs => :older_than_s)
          AND state IN ('completed', 'failed')
        ORDER BY created_at LIMIT :limit FOR UPDATE SKIP LOCKED)
""")


class PostgresJobs:
    """The port `Jobs` on a table of its own."""

    def __init__(self, engine: Engine) -> None:
        self._database = Database(engine)

    def take(
        self, new: NewJob, beginning: Beginning, *, window_s: float
    ) -> tuple[Submission, Job | None, RunView | None]:
        """Store a job and begin it, or find the equal one; the port's promise."""
        values = {
            "tenant": checked_name("tenant", new.tenant),
            "candidate": cleaned(new.candidate),
            "payload_hash": new.payload_hash,
            "payload": dumps(new.payload, name="payload"),
            "is_forced": new.is_forced,
            "key": new.key,
            "body_hash": new.body_hash,
            "window_s": window_s,
            "table": cleaned(beginning.table),
            "data": dumps(beginning.data, name="payload"),
            "wanted": [cleaned(key) for key in beginning.wanted],
            "options": dumps(options_to_json(beginning.options), name="options"),
            "lease_s": beginning.lease_s,
        }
        verdict, job, run = self._database.of(new.tenant).do(
            lambda c: c.execute(_TAKE, values).one()
        )
        return Submission(verdict), job and _job_of_json(job), run and run_view(run)

    def find(self, job_id: str, *, tenant: str | None = None) -> Job:
        """Give a job; the port's promise."""
        asked = {"id": _uuid(job_id), "tenant": tenant}
        found = self._database.of_one_or_all(tenant).do(
            lambda c: c.execute(_FIND, asked).mappings().one_or_none()
        )
        if found is None:
            raise UnknownNameError("job", job_id)
        return _job(found)

    def bring_in(self, job: Job, table: str, row: NewRow) -> bool:
        """Lay its profile over the candidate's row; the port's promise."""
        held = {"id": job.id, "attempts": job.attempts}

        def work(connection: Connection) -> bool:
            if connection.execute(_HOLD, held).one_or_none() is None:
                return False
            put_row(connection, job.tenant, find_table(connection, job.tenant, table), row)
            return True

        return self._database.of(job.tenant).run(work)

    def start(self, job: Job, run: int) -> None:
        """Say that its run has begun; the port's promise."""
        values = {"id": job.id, "attempts": job.attempts, "run": run}
        self._database.of(job.tenant).do(lambda c: c.execute(_START, values))

    def end(
        self, job: Job, state: JobState, *, result: "JsonObject | None", error: str
    ) -> int | None:
        """End an attempt; the port's promise."""
        values = {
            "id": job.id,
            "attempts": job.attempts,
            "state": state.value,
            "result": None if result is None else dumps(result, name="result"),
            "error": cleaned(error),
        }
        won, told = self._database.of(job.tenant).do(lambda c: c.execute(_END, values).one())
        return told if won else None

    def overdue(self, *, older_than_s: float, limit: int = 200) -> Sequence[Job]:
        """Take jobs that nobody works on; the port's promise."""
        asked = {"older_than_s": older_than_s, "limit": limit}
        found = self._database.of_all().run(lambda c: c.execute(_OVERDUE, asked).mappings().all())
        return tuple(map(_job, found))

    def forget(self, *, older_than_s: float, limit: int = 2_000) -> int:
        """Remove old jobs; the port's promise."""
        asked = {"older_than_s": older_than_s, "limit": limit}
        return self._database.of_all().run(lambda c: c.execute(_FORGET, asked).rowcount)


def _job_of_json(raw: Mapping[str, Any]) -> Job:
    moments = ("created_at", "updated_at")
    return _job({**raw, **{name: datetime.fromisoformat(raw[name]) for name in moments}})


def _uuid(job_id: str) -> str:
    try:
        return str(UUID(job_id))
    except ValueError:
        raise UnknownNameError("job", job_id) from None


def _job(raw: Mapping[Any, Any]) -> Job:
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
