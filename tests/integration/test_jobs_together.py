"""Profile jobs that a worker takes on together: one run for all, and an end for each."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from celery import Celery
from sqlalchemy import Engine, text

from enrich.bootstrap import Services
from enrich.domain.job import Job, JobState, new_job
from enrich.domain.outcome import Outcome, RateLimited
from enrich.domain.policy import RunPolicy
from enrich.domain.provider import Query
from enrich.domain.run import OpenBatch, Step
from enrich.domain.table import Column
from enrich.domain.values import Json
from enrich.engine.desk import Desk
from enrich.engine.job_ends import end_jobs
from enrich.engine.jobs import left_jobs
from enrich.errors import BadInputError, DatabaseDownError
from enrich.ports.jobs import Beginning, JobEnd
from enrich.store.jobs import PostgresJobs
from enrich.store.runs import PostgresRunStore
from enrich.store.webhooks import PostgresWebhooks
from tasks.express.calls import Call
from tasks.express.jobs import JobWorker
from tests.integration.test_embeddings import TABLE, TENANT, Models, desk_on
from tests.unit.batches import found, spec
from tests.unit.engine_world import Scripted

pytestmark = pytest.mark.servers

NOBODY = {"fullName": "Nobody"}


def company(name: str) -> dict[str, Json]:
    return {"employer": name}


def known(query: Query) -> Outcome:
    """Know the industry of every company."""
    return found(industry=f"that of {query.inputs['company_name']}")


@dataclass
class Messages:
    """What became of the messages, and what was sent instead of them."""

    done: list[str] = field(default_factory=list)
    returned: list[str] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)

    def acknowledge(self, calls: Sequence[Call]) -> None:
        self.done += [call.id for call in calls]

    def give_back(self, calls: Sequence[Call]) -> None:
        self.returned += [call.id for call in calls]


@dataclass
class Office:
    """A worker of jobs over a database."""

    desk: Desk
    vendor: Scripted
    messages: Messages = field(default_factory=Messages)

    def take(self, candidate: str, payload: dict[str, Json], *, forced: bool = False) -> Job:
        """Store a job."""
        new = new_job(TENANT, candidate, payload, is_forced=forced, key="")
        ((_, job),) = self.desk.jobs.take([new], window_s=60)
        assert job is not None
        return job

    def work(self, *jobs: Job) -> None:
        """Take jobs on together, as a worker does to whom their messages came."""
        self.do(*(_call(job.id) for job in jobs))

    def do(self, *calls: Call) -> None:
        """Do messages together."""
        own = SimpleNamespace(desk=self.desk, parts=self.desk.parts)
        told = self.messages
        worker = JobWorker(
            cast(Celery, None),
            acknowledge=told.acknowledge,
            give_back=told.give_back,
            spawn=lambda work: work(),
            own=lambda: cast(Services, own),
        )
        worker._dispatcher = cast(Any, SimpleNamespace(dispatch=told.steps.extend))
        worker.do(calls)

    def now(self, job: Job) -> Job:
        """Look how a job stands."""
        return self.desk.jobs.find(job.id)


def _call(job_id: str) -> Call:
    return Call(
        id=job_id,
        task="enrich.embed",
        args=[job_id],
        kwargs={},
        waits=False,
        message=SimpleNamespace(headers={}),
        at_s=0.0,
    )


@contextmanager
def office(engine: Engine, script: Callable[[Query], Outcome] = known) -> Iterator[Office]:
    vendor = Scripted(spec("vendor", "company_name", "industry"), script)
    with desk_on(engine, Models()) as desk:
        wanted = Column(key="industry", field="industry", enriched=True, position=1)
        desk.parts.rows.save_columns(TENANT, TABLE, [wanted])
        parts = replace(
            desk.parts,
            runs=PostgresRunStore(engine),
            providers={"vendor": vendor},
            policies=replace(desk.parts.policies, runs=RunPolicy()),
        )
        webhooks = PostgresWebhooks(engine, cast(Any, None))
        jobs = PostgresJobs(engine)
        yield Office(replace(desk, parts=parts, jobs=jobs, webhooks=webhooks), vendor)


def runs(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.execute(text("SELECT count(*) FROM runs")).scalar_one())


def test_jobs_that_come_together_share_a_run_and_have_results_of_their_own(
    clean_engine: Engine,
) -> None:
    with office(clean_engine) as own:
        jobs = [own.take(f"c{n}", company(f"Firm {n}")) for n in range(3)]
        own.work(*jobs)
        ended = [own.now(job) for job in jobs]

    assert {job.state for job in ended} == {JobState.COMPLETED}
    results: list[Any] = [job.result for job in ended]
    assert [r["fields"]["industry"]["value"] for r in results] == [
        f"that of Firm {n}" for n in range(3)
    ]
    assert all(r["embeddingUpserted"] for r in results)
    assert runs(clean_engine) == 1
    assert own.messages.done == [job.id for job in jobs]


def test_a_message_that_comes_twice_makes_no_second_run(clean_engine: Engine) -> None:
    with office(clean_engine) as own:
        job = own.take("c1", company("Firm"))
        own.work(job, job)
        before = own.now(job)
        own.work(job)

        assert own.now(job) == before
    assert (runs(clean_engine), own.vendor.asked) == (1, ["Firm"])


def test_the_later_of_two_profiles_of_a_candidate_goes_over_the_earlier(
    clean_engine: Engine,
) -> None:
    with office(clean_engine) as own:
        earlier, later = own.take("c1", company("Old")), own.take("c1", company("New"))
        own.work(later, earlier)
        ended = own.now(earlier), own.now(later)

    assert {job.state for job in ended} == {JobState.COMPLETED}
    results: list[Any] = [job.result for job in ended]
    assert results[1]["candidateSnapshot"]["company_name"] == "New"
    assert runs(clean_engine) == 2


def test_what_cannot_be_begun_fails_alone(clean_engine: Engine) -> None:
    with office(clean_engine) as own:
        wrong = own.take("c1", {f"key{n}": n for n in range(201)})
        right = own.take("c2", company("Firm"))
        own.work(wrong, right)

        assert own.now(wrong).state is JobState.FAILED
        assert "201 keys" in own.now(wrong).error
        assert own.now(right).state is JobState.COMPLETED


def test_who_waits_for_a_moment_keeps_no_neighbour_waiting(clean_engine: Engine) -> None:
    def limited(query: Query) -> Outcome:
        if query.inputs["company_name"] == "Slow":
            return RateLimited(retry_at=own.desk.parts.clock.now() + timedelta(minutes=5))
        return known(query)

    with office(clean_engine, limited) as own:
        slow, quick = own.take("c1", company("Slow")), own.take("c2", company("Quick"))
        own.work(slow, quick)

        assert own.now(quick).state is JobState.COMPLETED
        assert own.now(slow).state is JobState.PROCESSING
        assert len(own.messages.steps) == 1


def test_a_job_that_is_erased_under_way_disturbs_no_neighbour(clean_engine: Engine) -> None:
    def erasing(query: Query) -> Outcome:
        if query.inputs["company_name"] == "Gone":
            with clean_engine.begin() as connection:
                connection.execute(text("DELETE FROM jobs WHERE candidate_id = 'c1'"))
                connection.execute(text("DELETE FROM rows WHERE key = 'c1'"))
        return known(query)

    with office(clean_engine, erasing) as own:
        gone, left = own.take("c1", company("Gone")), own.take("c2", company("Left"))
        own.work(gone, left)

        assert own.desk.jobs.some([gone.id, left.id]) == (own.now(left),)
        assert own.now(left).state is JobState.COMPLETED


def test_a_row_that_is_erased_under_way_fails_its_job_alone(clean_engine: Engine) -> None:
    def erasing(query: Query) -> Outcome:
        with clean_engine.begin() as connection:
            connection.execute(text("DELETE FROM rows WHERE key = 'c1'"))
        return known(query)

    with office(clean_engine, erasing) as own:
        gone, left = own.take("c1", company("Gone")), own.take("c2", company("Left"))
        own.work(gone, left)

        assert (own.now(gone).state, own.now(gone).error) == (
            JobState.FAILED,
            "what is known of the candidate was erased",
        )
        assert own.now(left).state is JobState.COMPLETED


def test_the_jobs_of_a_run_that_is_cancelled_fail(clean_engine: Engine) -> None:
    def cancelling(query: Query) -> Outcome:
        run = own.now(job).run
        assert run is not None
        own.desk.parts.runs.cancel(TENANT, run)
        return known(query)

    with office(clean_engine, cancelling) as own:
        job = own.take("c1", company("Firm"))
        own.work(job)

        assert own.now(job).state is JobState.FAILED
        assert own.now(job).error == "its run was cancelled"


def test_a_tenant_whose_columns_went_gets_them_anew(clean_engine: Engine) -> None:
    with office(clean_engine) as own:
        own.work(own.take("c1", company("Firm")))
        with clean_engine.begin() as connection:
            connection.execute(text("DELETE FROM columns WHERE key = 'industry'"))
        job = own.take("c2", company("Firm"))
        own.work(job)

        assert own.now(job).state is JobState.COMPLETED


def test_a_job_is_known_however_its_id_is_written(clean_engine: Engine) -> None:
    with office(clean_engine) as own:
        job = own.take("c1", company("Firm"))
        written = [f"urn:uuid:{job.id}", job.id.upper(), job.id.replace("-", "--"), "no id"]

        assert own.desk.jobs.some(written) == (job,)


def test_a_job_that_is_named_by_keyword_is_taken_on(clean_engine: Engine) -> None:
    with office(clean_engine) as own:
        job = own.take("c1", company("Firm"))
        own.do(replace(_call(job.id), args=(), kwargs={"job_id": job.id}))

        assert own.now(job).state is JobState.COMPLETED


class Unending(PostgresJobs):
    """A database that does not take the end of one job."""

    refused = ""

    def end(self, ends: Sequence[JobEnd]) -> int:
        if any(end.job.id == self.refused for end in ends):
            raise BadInputError("result", "cannot be stored")
        return super().end(ends)


def test_one_that_cannot_be_ended_keeps_no_neighbour_and_no_message(clean_engine: Engine) -> None:
    with office(clean_engine) as own:
        odd, right = own.take("c1", company("Odd")), own.take("c2", company("Firm"))
        jobs = Unending(clean_engine)
        jobs.refused = odd.id
        stuck = replace(own, desk=replace(own.desk, jobs=jobs))
        stuck.work(odd, right)
        stuck.work(odd)

        assert own.now(right).state is JobState.COMPLETED
        assert own.now(odd).state is JobState.PROCESSING
        assert (own.messages.done, own.messages.returned) == ([odd.id, right.id, odd.id], [])


class Away(PostgresJobs):
    """A database that goes away when a run is to be stored."""

    def begin(self, *_: object, **__: object) -> None:
        raise DatabaseDownError("the database does not answer")


def test_what_cannot_be_stored_now_comes_again(clean_engine: Engine) -> None:
    with office(clean_engine) as own:
        job = own.take("c1", company("Firm"))
        away = replace(own, desk=replace(own.desk, jobs=Away(clean_engine)))
        away.work(job)

        assert (own.messages.done, own.messages.returned) == ([], [job.id])
        assert own.now(job).state is JobState.QUEUED


class Breaking(PostgresJobs):
    """A store that breaks over one candidate, for no reason that anybody thought of."""

    def begin(self, beginning: Beginning, *, lease_s: float) -> OpenBatch | None:
        if any(job.candidate == "odd" for job, _ in beginning.jobs):
            raise RuntimeError("a defect")
        return super().begin(beginning, lease_s=lease_s)


def test_a_job_that_breaks_whoever_begins_it_is_given_up_in_time(clean_engine: Engine) -> None:
    with office(clean_engine) as own:
        broken = replace(own, desk=replace(own.desk, jobs=Breaking(clean_engine)))
        odd, right = own.take("odd", company("Odd")), own.take("c2", company("Firm"))
        broken.work(odd, right)
        first = own.now(odd).state
        long_ago = own.desk.parts.clock.now() - timedelta(minutes=16)
        with clean_engine.begin() as connection:
            older = "UPDATE jobs SET created_at = :then WHERE id = :id"
            connection.execute(text(older), {"id": odd.id, "then": long_ago})
        broken.work(odd)

        assert (first, own.now(right).state) == (JobState.QUEUED, JobState.COMPLETED)
        assert own.now(odd).state is JobState.FAILED
        assert own.now(odd).error == "it could not be begun: RuntimeError"


def test_a_job_that_was_left_is_named_once_a_while(clean_engine: Engine) -> None:
    with office(clean_engine) as own:
        left, fresh = own.take("c1", company("Firm")), own.take("c2", NOBODY)
        with clean_engine.begin() as connection:
            forsaken = "UPDATE jobs SET updated_at = now() - interval '1 minute' WHERE id = :id"
            connection.execute(text(forsaken), {"id": left.id})

        assert left_jobs(own.desk) == (left.id,)
        assert left_jobs(own.desk) == ()
        assert end_jobs(own.desk, [fresh.id]) is False
