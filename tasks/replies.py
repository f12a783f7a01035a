"""Answers to callers that wait for the end of a run.

The task that began the run has ended without a result; whoever ends the run stores the result under
that task's id. So no worker waits, and a run that the sweep saved still answers.
"""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from celery import Celery
from kombu.exceptions import OperationalError

from enrich.domain.job import job_of_reply
from enrich.domain.result import CellResult
from enrich.domain.run import RunState
from enrich.domain.values import JsonObject
from enrich.engine.cells import finish
from enrich.engine.parts import Parts
from enrich.engine.report import run_report
from enrich.engine.schedules import is_scheduled, report_end
from enrich.errors import RunFailedError, UsageError
from enrich.ports import Finished
from tasks.settings import CONTROL, URGENT
from tasks.traces import carried

__all__ = ["ReplyTo", "encoded", "forget", "is_for_cells", "notify", "reply"]

log = logging.getLogger("enrich.tasks")


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


def reply(app: Celery, parts: Parts, finished: Finished) -> None:
    """Store the result for whoever waits for this run, if anybody does."""
    if not finished.reply_to:
        return
    job_id = job_of_reply(finished.reply_to)
    if job_id is not None:
        _hand_on(app, job_id)
        return
    if is_scheduled(finished.reply_to):
        report_end(parts, finished.run_id, finished.reply_to)
        return
    to = ReplyTo.decode(finished.reply_to)
    if finished.state is RunState.CANCELLED:
        error = RunFailedError(f"run {finished.run_id} was cancelled")
        app.backend.store_result(to.task_id, error, "FAILURE")
        return
    try:
        result = _result(parts, finished.run_id, to)
    except UsageError as exc:
        # The row or the table went while the run was under way: whoever waits shall not wait on.
        app.backend.store_result(to.task_id, exc, "FAILURE")
        return
    app.backend.store_result(to.task_id, result, "SUCCESS")


def _hand_on(app: Celery, job_id: str) -> None:
    """Have a job's candidate embedded; what the broker does not take, the sweep does."""
    _send(app, "enrich.embed", URGENT, job_id)


def is_for_cells(reply_to: str) -> bool:
    """Say whether a run was begun for somebody who waits for cells of one row."""
    if not reply_to or is_scheduled(reply_to):
        return False
    return not reply_to.startswith("{") or bool(ReplyTo.decode(reply_to).row)


def forget(app: Celery, waiting: Sequence[str]) -> None:
    """Take back the results that those who waited were given, as far as they are still kept."""
    for reply_to in waiting:
        if job_of_reply(reply_to) is None:
            app.AsyncResult(ReplyTo.decode(reply_to).task_id).forget()


def notify(app: Celery) -> None:
    """Have webhooks told what is due; what the broker does not take, the schedule does."""
    _send(app, "enrich.notify", CONTROL)


def sweep_soon(app: Celery) -> None:
    """Have what is due taken up now; what the broker does not take, the schedule does."""
    _send(app, "enrich.sweep", CONTROL)


def _send(app: Celery, task: str, queue: str, *args: str) -> None:
    try:
        app.send_task(task, args, queue=queue, ignore_result=True, **carried())
    except (OperationalError, ConnectionError) as exc:
        log.warning("task.left_to_schedule", extra={"task": task, "error": str(exc)})


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
