"""Begin what is due by its schedule, and report what came of it.

A run is known by its schedule and its moment, so that a moment which is taken up twice, because
somebody died in between, still makes one run.
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from enrich.domain.run import RunState, Step
from enrich.domain.schedule import Schedule, Verdict, firing
from enrich.engine.arguments import columns_of, options_of, selection_of
from enrich.engine.parts import Parts
from enrich.engine.report import run_report
from enrich.engine.submit import RunRequest, submit
from enrich.errors import BadInputError, UnknownNameError, UsageError
from enrich.ports import Finished, RunStore
from enrich.ports.schedules import Schedules, Taken

__all__ = ["Began", "begin_due", "is_scheduled", "outcome_of", "report_end", "request_of"]

log = logging.getLogger("enrich.engine")

_PREFIX = "schedule:"
_PARTS = frozenset({"columns", "where", "force", "max_cost"})
#: Storing a run of a million rows takes less.
_RETAKE_S = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Began:
    """What came of one moment: the run with its first steps, if one was begun.

    `finished` is its end, where it found no rows: the caller tells of it as of any other.
    """

    schedule: str
    said: str
    run_id: int | None = None
    steps: tuple[Step, ...] = ()
    finished: Finished | None = None


def begin_due(parts: Parts, schedules: Schedules) -> tuple[Began, ...]:
    """Begin the runs whose moment has come; several schedulers share them, each is begun once."""
    now = parts.clock.now()
    taken = schedules.take(now, partial(_decided, now), retake_s=_RETAKE_S)
    return tuple(_settled(parts, schedules, one) for one in taken)


def request_of(schedule: Schedule, now: datetime, *, reply_to: str = "") -> RunRequest:
    """Give the run that a schedule wishes for, as of now.

    Raises `BadInputError` for a wish that no run can fulfil.
    """
    wish = _known(schedule.wish)
    options = options_of(wish.get("force", False), True, None, wish.get("max_cost"))
    selection, options = selection_of(wish.get("where"), options, now)
    return RunRequest(
        tenant=schedule.tenant,
        table=schedule.table,
        columns=columns_of(wish.get("columns")),
        selection=selection,
        options=options,
        reply_to=reply_to,
    )


def is_scheduled(reply_to: str) -> bool:
    """Say whether a run was begun by a schedule."""
    return reply_to.startswith(_PREFIX)


def outcome_of(runs: RunStore, schedule: Schedule) -> str:
    """Say what came of a schedule's last moment: of its run's end, once that is there."""
    if schedule.run_id is None or schedule.said != _begun_as(schedule.run_id):
        return schedule.said
    try:
        summary = runs.summary(schedule.tenant, schedule.run_id)
    except UnknownNameError:
        return schedule.said
    if summary.state is RunState.RUNNING:
        return schedule.said
    counts = summary.counts
    if not summary.rows:
        return f"run {summary.id} {summary.state.value}: no rows to enrich"
    return (
        f"run {summary.id} {summary.state.value}: {counts.filled} filled, "
        f"{counts.not_found} not found, {counts.failed} failed"
    )


def _begun_as(run_id: int) -> str:
    return f"begun: run {run_id}"


def report_end(parts: Parts, run_id: int, reply_to: str) -> None:
    """Log what a scheduled run came to. A run whose table went meanwhile is passed over."""
    _, moment, tenant, name = json.loads(reply_to.removeprefix(_PREFIX))
    try:
        summary = parts.runs.summary(tenant, run_id)
    except UnknownNameError:
        return
    report = run_report(summary)
    report |= {"schedule": name, "tenant": tenant, "due_at": moment, "metric": "schedule.ended"}
    log.info("schedule.ended", extra=report)


def _decided(now: datetime, schedule: Schedule, is_running: bool) -> Any:
    return firing(schedule, now, is_running=is_running)


def _settled(parts: Parts, schedules: Schedules, taken: Taken) -> Began:
    schedule, verdict = taken.schedule, taken.firing.verdict
    began = _begun(parts, taken) if verdict is Verdict.BEGIN else _skipped(taken)
    schedules.settle(taken, run_id=began.run_id, said=began.said)
    outcome = verdict.value if began.run_id or verdict is not Verdict.BEGIN else "refused"
    parts.recorder.count("schedules_due", labels={"tenant": schedule.tenant, "outcome": outcome})
    say = log.info if began.run_id else log.warning
    extra = {"schedule": schedule.name, "tenant": schedule.tenant, "outcome": outcome}
    say("schedule.due", extra={**extra, "run": began.run_id, "said": began.said})
    return began


def _begun(parts: Parts, taken: Taken) -> Began:
    schedule = taken.schedule
    reply_to = _reply_to(schedule, taken.firing.due_at)
    try:
        submitted = submit(parts, request_of(schedule, parts.clock.now(), reply_to=reply_to))
    except UsageError as exc:
        return Began(schedule=schedule.name, said=f"not begun: {exc}")
    run = submitted.run
    return Began(
        schedule=schedule.name,
        said=_begun_as(run.id),
        run_id=run.id,
        steps=submitted.steps,
        finished=parts.runs.ended(run.id) if run.state is RunState.DONE else None,
    )


def _skipped(taken: Taken) -> Began:
    why = {
        Verdict.OVERLAP: f"run {taken.schedule.run_id} has not ended",
        Verdict.MISSED: "its window had passed",
    }
    return Began(schedule=taken.schedule.name, said=f"skipped: {why[taken.firing.verdict]}")


def _reply_to(schedule: Schedule, due_at: datetime) -> str:
    named = [schedule.id, due_at.isoformat(), schedule.tenant, schedule.name]
    return f"{_PREFIX}{json.dumps(named)}"


def _known(wish: Mapping[str, Any]) -> Mapping[str, Any]:
    for name in sorted(set(wish) - _PARTS):
        raise BadInputError(f"wish.{name}", "is not known")
    return wish
