"""Answers to callers that wait for the end of a run.

The task that began the run has ended without a result; whoever ends the run stores the result under
that task's id. So no worker waits, and a run that the sweep saved still answers.
"""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from celery import Celery
from celery.utils.serialization import get_pickleable_exception
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from enrich.bootstrap import Services
from enrich.domain.job import is_for_jobs, job_of_reply
from enrich.domain.result import CellResult
from enrich.domain.run import RunState
from enrich.domain.values import JsonObject
from enrich.engine.cells import finish
from enrich.engine.parts import Parts
from enrich.engine.report import run_report
from enrich.engine.requests import is_requested
from enrich.engine.schedules import is_scheduled, report_end
from enrich.engine.submit import Submitted
from enrich.engine.telling import note_end
from enrich.errors import RunFailedError, UsageError
from enrich.ports import Finished
from enrich.ports.callers import CALLER_PREFIX, REPLY_PREFIX, Waiting
from tasks.express.sending import send_all
from tasks.settings import CONTROL, URGENT
from tasks.traces import carried

__all__ = [
    "ReplyTo",
    "answer_late",
    "answer_run",
    "encoded",
    "forget",
    "is_for_cells",
    "notify",
    "reply",
    "store_results",
    "sweep_soon",
    "take_on",
    "tell_empty",
    "tell_end",
]

log = logging.getLogger("enrich.tasks")

#: Who has waited for so long without anybody at work on it is answered by the sweep.
_LATE_S = 5.0
#: A message that comes again after so long is a new request, an end that is told again a new end.
_KEPT_S = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyTo:
    """Who waits, and for what: a row's cells when `row` is set, else the run's summary.

    `single` asks for the one cell itself instead of an object by column.
    """

    task_id: str
    tenant: str
    table: str
    row: str = ""
    columns: tuple[str, ...] = ()
    single: bool = False

    def encode(self) -> str:
        """Give the text that is stored with the run."""
        return json.dumps(
            {
                "task": self.task_id,
                "tenant": self.tenant,
                "table": self.table,
                "row": self.row,
                "columns": self.columns,
                "single": self.single,
            }
        )

    @classmethod
    def decode(cls, text: str) -> "ReplyTo":
        """Read what `encode` made."""
        raw = json.loads(text)
        return cls(
            task_id=raw["task"],
            tenant=raw["tenant"],
            table=raw["table"],
            row=raw["row"],
            columns=tuple(raw["columns"]),
            single=raw["single"],
        )


def answer_run(app: Celery, own: Services, finished: Finished) -> None:
    """Answer whoever waits for a run, and tell webhooks of it; a job tells of its own end."""
    try:
        reply(app, own, finished)
    finally:
        # An end comes once: webhooks are told of it also when Redis takes no answers.
        _note(app, own, finished)


def _note(app: Celery, own: Services, finished: Finished) -> None:
    is_told = not is_for_jobs(finished.reply_to)
    is_logged = not is_for_cells(finished.reply_to)
    is_news = partial(_is_news, app)
    if is_told and note_end(own.desk, finished, is_news=is_news, is_logged=is_logged):
        notify(app)


def _is_news(app: Celery, end: str) -> bool:
    """Say, to one asker alone, that an end was not told yet; to each while Redis is away."""
    backend: Any = app.backend
    key = backend.get_key_for_task(f"told-{end}")
    try:
        return bool(backend.client.set(key, "1", nx=True, ex=int(_KEPT_S)))
    except (OperationalError, ConnectionError, RedisError):
        return True


def reply(app: Celery, own: Services, finished: Finished) -> None:
    """Store the result for whoever waits for this run, if anybody does."""
    parts = own.parts
    if not finished.reply_to or is_requested(finished.reply_to):
        return
    if finished.reply_to.startswith(REPLY_PREFIX):
        _answer_callers(app, own, own.callers.waiting(finished.run_id))
        return
    if is_for_jobs(finished.reply_to):
        job_id = job_of_reply(finished.reply_to)
        take_on(app, [job_id] if job_id else own.desk.jobs.of_run(finished.run_id))
        return
    if is_scheduled(finished.reply_to):
        report_end(parts, finished.run_id, finished.reply_to)
        return
    to = ReplyTo.decode(finished.reply_to)
    if finished.state is RunState.CANCELLED:
        error = RunFailedError(f"run {finished.run_id} was cancelled")
        store_results(app, {to.task_id: error})
        return
    try:
        result = _result(parts, finished.run_id, to)
    except UsageError as exc:
        # The row or the table went while the run was under way: whoever waits shall not wait on.
        store_results(app, {to.task_id: exc})
        return
    app.backend.store_result(to.task_id, result, "SUCCESS")


def answer_late(app: Celery, own: Services) -> int:
    """Answer callers whose answers were lost with a worker; gives how many."""
    late = own.callers.overdue(older_than_s=_LATE_S)
    _answer_callers(app, own, late)
    own.callers.purge(older_than_s=_KEPT_S)
    return len(late)


def _answer_callers(app: Celery, own: Services, waiting: Sequence[Waiting]) -> None:
    store_results(app, {one.id: _outcome(own.parts, one) for one in waiting})
    for tenant in {one.tenant for one in waiting}:
        own.callers.answered(tenant, [one.id for one in waiting if one.tenant == tenant])


def _outcome(parts: Parts, one: Waiting) -> "JsonObject | Exception":
    if one.is_cancelled:
        return RunFailedError(f"run {one.run_id} was cancelled")
    try:
        cells = finish(parts, one.tenant, one.table, one.row, one.columns, run_id=one.run_id)
    except UsageError as exc:
        return exc
    return encoded(cells, single=one.is_single)


def store_results(app: Celery, results: "Mapping[str, JsonObject | Exception]") -> None:
    """Store what many tasks came to, by id, and wake who waits; an exception is a failure.

    What Celery's backend does for each of them, in one round trip for all.
    """
    backend: Any = app.backend
    if not results:
        return
    with backend.client.pipeline(transaction=False) as pipe:
        for task_id, result in results.items():
            key, value = backend.get_key_for_task(task_id), _stored(backend, task_id, result)
            pipe.setex(key, backend.expires, value)
            pipe.publish(key, value)
        pipe.execute()


def _stored(backend: Any, task_id: str, result: "JsonObject | Exception") -> Any:
    state = "FAILURE" if isinstance(result, Exception) else "SUCCESS"
    if isinstance(result, Exception):
        # As Celery does with what a task raises: the nearest class that a caller can make again.
        result = get_pickleable_exception(result)
    encoded_result = backend.encode_result(result, state)
    meta = backend._get_result_meta(  # noqa: SLF001 - the form in which its clients read it
        result=encoded_result, state=state, traceback=None, request=None
    )
    return backend.encode(meta | {"task_id": task_id})


def take_on(app: Celery, jobs: Sequence[str]) -> None:
    """Have jobs begun, or embedded and ended; what the broker does not take, the sweep does."""
    try:
        send_all(app, "enrich.embed", URGENT, [(job_id,) for job_id in jobs])
    except (OperationalError, ConnectionError, RedisError) as exc:
        extra = {"jobs": len(jobs), "error": str(exc)}
        log.warning("jobs.left_to_sweep", extra=extra)


def is_for_cells(reply_to: str) -> bool:
    """Say whether a run was begun for callers who wait for cells of single rows, or by a job."""
    if not reply_to or is_scheduled(reply_to) or is_requested(reply_to):
        return False
    return not reply_to.startswith("{") or bool(ReplyTo.decode(reply_to).row)


def forget(app: Celery, waiting: Sequence[str]) -> None:
    """Take back the results that those who waited were given, as far as they are still kept."""
    for reply_to in waiting:
        if reply_to.startswith(CALLER_PREFIX):
            app.AsyncResult(reply_to.removeprefix(CALLER_PREFIX)).forget()
        elif reply_to.startswith("{"):  # nobody waits for the run of a job, schedule or request
            app.AsyncResult(ReplyTo.decode(reply_to).task_id).forget()


def notify(app: Celery) -> None:
    """Have webhooks told what is due; what the broker does not take, the schedule does."""
    _send(app, "enrich.notify", CONTROL)


def tell_empty(app: Celery, own: Services, begun: Submitted) -> None:
    """Have a worker tell of a run that ended as it began, because it found no rows."""
    if begun.run.state is RunState.DONE:
        tell_end(app, own, begun.run.id)


def tell_end(app: Celery, own: Services, run_id: int) -> None:
    """Have a worker log a run's end and tell webhooks of it; without the broker it is done here."""
    if _send(app, "enrich.ended", CONTROL, run_id):
        return
    # Nobody looks for it later: it has no batch. Messages to webhooks lie in Postgres and wait.
    finished = own.parts.runs.ended(run_id)
    if finished is None:
        return
    if is_scheduled(finished.reply_to):
        report_end(own.parts, run_id, finished.reply_to)
    _note(app, own, finished)


def sweep_soon(app: Celery) -> None:
    """Have what is due taken up now; what the broker does not take, the schedule does."""
    _send(app, "enrich.sweep", CONTROL)


def _send(app: Celery, task: str, queue: str, *args: str | int) -> bool:
    try:
        app.send_task(task, args, queue=queue, ignore_result=True, **carried())
    except (OperationalError, ConnectionError, RedisError) as exc:
        log.warning("task.left_to_schedule", extra={"task": task, "error": str(exc)})
        return False
    return True


def _result(parts: Parts, run_id: int, to: ReplyTo) -> JsonObject:
    if not to.row:
        return run_report(parts.runs.summary(to.tenant, run_id))
    cells = finish(parts, to.tenant, to.table, to.row, to.columns, run_id=run_id)
    return encoded(cells, single=to.single)


def encoded(cells: Mapping[str, CellResult], *, single: bool) -> JsonObject:
    """Encode cells by column, or the one cell itself."""
    if single:
        (cell,) = cells.values()
        return cell.to_json()
    return {column: cell.to_json() for column, cell in cells.items()}
