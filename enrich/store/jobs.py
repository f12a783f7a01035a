"""Jobs in PostgreSQL: taken, asked about, named again where they were left."""

from collections.abc import Collection, Sequence
from itertools import groupby
from uuid import UUID

from sqlalchemy import Engine, text

from enrich.domain.job import Job, NewJob, Submission
from enrich.domain.run import OpenBatch
from enrich.domain.values import JsonObject
from enrich.errors import UnknownNameError
from enrich.ports.jobs import Beginning, Ending, JobEnd
from enrich.store.codec import checked_name, dumps
from enrich.store.engine import Database
from enrich.store.job_runs import begin_together, end_together, ending_of, job_of

__all__ = ["PostgresJobs"]

_TAKE = text("""
    SELECT t.verdict, t.job_id
    FROM jsonb_array_elements(CAST(:jobs AS jsonb)) WITH ORDINALITY AS a (new, place)
    CROSS JOIN LATERAL submit_job(
        :tenant, new ->> 'candidate', new ->> 'payload_hash', new -> 'payload',
        (new ->> 'is_forced')::boolean, new ->> 'key', new ->> 'body_hash', :window_s) AS t
    ORDER BY a.place
""")
_FIND = text("""
    SELECT * FROM jobs
    WHERE id = CAST(:id AS uuid) AND (CAST(:tenant AS text) IS NULL OR tenant_id = :tenant)
""")
_SOME = text("""
    SELECT * FROM jobs
    WHERE id = ANY (CAST(:ids AS uuid[]))
      AND (CAST(:tenant AS text) IS NULL OR tenant_id = :tenant)
""")
# By the rows of its batches: a job has no index of its own by run. One whose row was erased is left
# to the sweep.
_OF_RUN = text("""
    SELECT j.id FROM runs u
    JOIN batches b ON b.run_id = u.id JOIN rows r ON r.id = ANY (b.row_ids)
    JOIN jobs j ON j.tenant_id = u.tenant_id AND j.candidate_id = r.key
    WHERE u.id = :run_id AND j.run_id = u.id AND j.state = 'processing'
    ORDER BY j.id
""")
_OVERDUE = text("""
    UPDATE jobs SET updated_at = now() WHERE id IN (
        SELECT j.id FROM jobs j
        WHERE j.state IN ('queued', 'processing')
          AND j.updated_at < now() - make_interval(secs => :older_than_s)
          AND (j.state = 'queued' OR NOT EXISTS (
              SELECT FROM runs u
              JOIN rows r ON r.table_id = u.table_id AND r.key = j.candidate_id
              JOIN batches b ON b.run_id = u.id AND r.id = ANY (b.row_ids)
                  AND b.phase IN ('queued', 'probe', 'premium')
              WHERE u.id = j.run_id AND u.state = 'running'))
        ORDER BY j.updated_at LIMIT :limit FOR UPDATE SKIP LOCKED)
    RETURNING id
""")
_FORGET = text("""
    DELETE FROM jobs WHERE id IN (
        SELECT id FROM jobs WHERE created_at < now() - make_interval(secs => :older_than_s)
          AND state IN ('completed', 'failed')
        ORDER BY created_at LIMIT :limit FOR UPDATE SKIP LOCKED)
""")


class PostgresJobs:
    """The port `Jobs` on a table of its own."""

    def __init__(self, engine: Engine, *, holder: str = "") -> None:
        """`holder` names this process among those that hold batches."""
        self._database, self._holder = Database(engine), holder

    def take(
        self, new: Sequence[NewJob], *, window_s: float
    ) -> Sequence[tuple[Submission, Job | None]]:
        """Store jobs, or find the equal ones; the port's promise."""
        # In one order for everybody: equal ones take turns.
        ordered = sorted(new, key=lambda one: (one.tenant, one.candidate, one.body_hash, one.key))
        taken: dict[int, tuple[Submission, Job | None]] = {}
        for tenant, group in groupby(ordered, key=lambda one: one.tenant):
            own = tuple(group)
            for one, told in zip(own, self._taken(tenant, own, window_s), strict=True):
                taken[id(one)] = told
        return [taken[id(one)] for one in new]

    def _taken(
        self, tenant: str, new: Sequence[NewJob], window_s: float
    ) -> Sequence[tuple[Submission, Job | None]]:
        values = {
            "tenant": checked_name("tenant", tenant),
            "window_s": window_s,
            "jobs": dumps([_new_to_json(one) for one in new], name="payload"),
        }
        found = self._database.of(tenant).do(lambda c: c.execute(_TAKE, values).all())
        ids = {str(job_id) for _, job_id in found if job_id}
        # One that was erased since then is as one that was never there.
        jobs = {job.id: job for job in self.some(ids, tenant=tenant)} if ids else {}
        return [(Submission(verdict), jobs.get(str(job_id))) for verdict, job_id in found]

    def find(self, job_id: str, *, tenant: str | None = None) -> Job:
        """Give a job; the port's promise."""
        asked = {"id": _uuid(job_id), "tenant": tenant}
        found = self._database.of_one_or_all(tenant).do(
            lambda c: c.execute(_FIND, asked).mappings().one_or_none()
        )
        if found is None:
            raise UnknownNameError("job", job_id)
        return job_of(found)

    def some(self, ids: Collection[str], *, tenant: str | None = None) -> Sequence[Job]:
        """Give those that are there; the port's promise."""
        asked = {"ids": [one for one in map(_uuid, ids) if one], "tenant": tenant}
        found = self._database.of_one_or_all(tenant).do(
            lambda c: c.execute(_SOME, asked).mappings().all()
        )
        return tuple(map(job_of, found))

    def begin(self, beginning: Beginning, *, lease_s: float) -> OpenBatch | None:
        """Store the run of jobs; the port's promise."""
        return self._database.of(beginning.tenant).do(
            lambda c: begin_together(c, beginning, lease_s=lease_s, holder=self._holder)
        )

    def of_run(self, run_id: int) -> Sequence[str]:
        """Name a run's jobs; the port's promise."""
        found = self._database.of_run(run_id).do(
            lambda c: c.execute(_OF_RUN, {"run_id": run_id}).scalars().all()
        )
        return tuple(map(str, found))

    def ending(self, ids: Collection[str]) -> Sequence[Ending]:
        """Give those that are to be ended; the port's promise."""
        return self._database.of_all().do(lambda c: ending_of(c, ids))

    def end(self, ends: Sequence[JobEnd]) -> int:
        """End attempts; the port's promise."""
        return self._database.of_all().do(lambda c: end_together(c, ends)) if ends else 0

    def overdue(self, *, older_than_s: float, limit: int = 1_000) -> Sequence[str]:
        """Name jobs that nobody works on; the port's promise."""
        asked = {"older_than_s": older_than_s, "limit": limit}
        found = self._database.of_all().run(lambda c: c.execute(_OVERDUE, asked).scalars().all())
        return tuple(map(str, found))

    def forget(self, *, older_than_s: float, limit: int = 2_000) -> int:
        """Remove old jobs; the port's promise."""
        asked = {"older_than_s": older_than_s, "limit": limit}
        return self._database.of_all().run(lambda c: c.execute(_FORGET, asked).rowcount)


def _new_to_json(new: NewJob) -> JsonObject:
    return {
        "candidate": new.candidate,
        "payload_hash": new.payload_hash,
        "payload": new.payload,
        "is_forced": new.is_forced,
        "key": new.key,
        "body_hash": new.body_hash,
    }


def _uuid(job_id: str) -> str | None:
    """Write an id as the server takes it: it knows fewer ways than Python."""
    try:
        return str(UUID(job_id))
    except ValueError:
        return None
