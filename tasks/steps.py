"""The internal tasks: each decodes its message, calls one use case, and sends what is due next."""

import logging
from collections.abc import Mapping
from typing import Any

from celery import Task

from enrich.domain.job import JobState
from enrich.engine.beginning import begin_wave
from enrich.engine.embedding import repair as repair_embeddings
from enrich.engine.fuse import Fusion
from enrich.engine.fuse import fuse as fuse_batch
from enrich.engine.job_ends import end_jobs
from enrich.engine.job_runs import begin_jobs, shares_of
from enrich.engine.jobs import left_jobs
from enrich.engine.learning import learn_all
from enrich.engine.premium import premium as ask_premium
from enrich.engine.probe import probe as ask_provider
from enrich.engine.refresh import refresh_all
from enrich.engine.submit import resume
from enrich.engine.sweep import sweep as sweep_batches
from enrich.engine.telling import tell
from enrich.errors import BadInputError, DependencyError
from tasks.app import app
from tasks.canvas import CeleryDispatcher
from tasks.messages import from_wire
from tasks.parking import Step
from tasks.replies import answer_late, answer_run, take_on
from tasks.replies import notify as notify_soon
from tasks.services import services

__all__ = [
    "begin",
    "embed",
    "embed_repair",
    "ended",
    "fuse",
    "learn",
    "notify",
    "premium",
    "probe",
    "refresh",
    "sweep",
]

log = logging.getLogger("enrich.tasks")

_TRIES = 5
#: How a worker takes the messages about jobs.
_GATHERED = "tasks.express.strategy:gathering_jobs"

_dispatcher = CeleryDispatcher(app)


class _Retried(Step):
    """A step that is tried again, as servers come back; what outlasts that is the sweep's."""

    abstract = True
    autoretry_for = (DependencyError,)
    retry_backoff = 1
    retry_backoff_max = 15
    retry_jitter = True
    max_retries = _TRIES


@app.task(name="enrich.begin", base=_Retried)
def begin(message: Mapping[str, Any]) -> None:
    """Begin a wave: with what is cached alone, or by sending its probes."""
    _go_on(begin_wave(services().parts, from_wire(message)))


@app.task(name="enrich.probe", bind=True, base=Step, max_retries=_TRIES)
def probe(self: Task[Any, Any], message: Mapping[str, Any], provider: str) -> str:
    """Ask one provider about one batch; the answer lies in Postgres, the result is a token."""
    try:
        ask_provider(services().parts, from_wire(message), provider)
    except BadInputError:
        raise  # there is no step to go on with
    except DependencyError as exc:
        if self.request.retries < _TRIES:
            raise self.retry(exc=exc, countdown=1 + 2**self.request.retries) from exc
        log.warning("probe.gave_up", extra={"provider": provider, "error": str(exc)})
    except Exception:
        # One part of a chord that raises loses the body. The batch goes on without this provider.
        log.exception("probe.broke", extra={"provider": provider})
    return provider


@app.task(name="enrich.fuse", base=_Retried)
def fuse(_tokens: list[str], message: Mapping[str, Any]) -> None:
    """Join a wave: write the cells and send the next step."""
    _go_on(fuse_batch(services().parts, from_wire(message)))


def _go_on(fusion: Fusion) -> None:
    _dispatcher.dispatch(fusion.steps)
    if fusion.finished is not None:
        answer_run(app, services(), fusion.finished)


@app.task(name="enrich.premium", base=_Retried)
def premium(message: Mapping[str, Any]) -> None:
    """Ask the premium providers about what is still unresolved."""
    _dispatcher.dispatch(ask_premium(services().parts, from_wire(message)))


@app.task(name="enrich.ended")
def ended(run_id: int) -> None:
    """Tell of a run that ended as it began, because it found no rows."""
    own = services()
    finished = own.parts.runs.ended(run_id)
    if finished is not None:
        answer_run(app, own, finished)


@app.task(name="enrich.sweep")
def sweep() -> int:
    """Send again the batches whose lease has run out; gives how many."""
    parts = services().parts
    swept = sweep_batches(parts)
    _dispatcher.dispatch(swept.steps)
    for finished in swept.finished:
        answer_run(app, services(), finished)
    answer_late(app, services())
    take_on(app, left_jobs(services().desk))
    return len(swept.steps)


@app.task(name="enrich.embed", base=_Retried, Strategy=_GATHERED)
def embed(job_id: str) -> None:
    """Take a job on: begin it, or embed its candidate and end it when its run has ended.

    A worker with threads gathers these messages instead and does many at once.
    """
    own = services()
    jobs = own.desk.jobs.some([job_id])
    for share in shares_of(job for job in jobs if job.state is JobState.QUEUED):
        for unit in begin_jobs(own.desk, share):
            _dispatcher.dispatch(resume(own.parts, unit.batch.run, [unit.batch.ref]))
    under_way = [job.id for job in jobs if job.state is JobState.PROCESSING]
    if under_way and end_jobs(own.desk, under_way):
        notify_soon(app)


@app.task(name="enrich.notify")
def notify() -> int:
    """Tell webhooks what is due; gives how many messages arrived."""
    return tell(services().desk)


@app.task(name="enrich.embed_repair")
def embed_repair() -> int:
    """Embed what was skipped or has changed since; gives how many rows."""
    return repair_embeddings(services().desk).embedded


@app.task(name="enrich.refresh")
def refresh() -> list[int]:
    """Begin runs about cells that have probably changed; gives their numbers."""
    begun = refresh_all(services().parts)
    _dispatcher.dispatch(tuple(step for one in begun for step in one.steps))
    return [one.run.id for one in begun]


@app.task(name="enrich.learn")
def learn() -> int:
    """Learn anew whom to trust, for every tenant; gives how many tenants."""
    return learn_all(services().parts)
