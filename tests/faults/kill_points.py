"""Moments at which a worker under test dies: `celery -A tests.faults.kill_points worker`.

It is the application of `tasks` with a few functions wrapped; nothing of this lies in the code that
runs in production. A moment is armed by a file of its name in the folder `KILL_POINTS`. Who comes
to it takes the file away, and is killed.
"""

import functools
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from enrich.domain.outcome import Found
from enrich.domain.run import StepKind
from tasks import app

__all__ = ["FOLDER", "MOMENTS", "Moment", "app"]

#: The setting that names the folder.
FOLDER = "KILL_POINTS"


def _always(*_: Any, **__: Any) -> bool:
    return True


def _brings_a_probe(_: Any, fetched: Any) -> bool:
    return any(queue == "enrich.probe" for queue, _tag, _raw in fetched.messages)


def _ends_a_call(field: str) -> Callable[..., bool]:
    """Make what tells whether calls have ended that found such a field."""

    def is_so(*_: Any, ended: Any, **__: Any) -> bool:
        found = [end.outcome for end in ended.values()]
        return any(isinstance(one, Found) and field in one.observations for one in found)

    return is_so


def _is_of_a_chord(_: Any, request: Any, *__: Any, **___: Any) -> bool:
    return bool(request.chord)


def _sends_premium(_: Any, steps: Any) -> bool:
    return any(step.kind is StepKind.PREMIUM for step in steps)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A call of the function at `place` that `counts`: its beginning, or its end when `after`."""

    place: str
    after: bool = False
    counts: Callable[..., bool] = _always


_CHORDS = "celery.backends.redis:RedisBackend"
_PAID = "enrich.store.calls:PostgresPaidCalls.note"
_RUNS = "enrich.store.runs:PostgresRunStore"
_JOBS = "enrich.store.jobs:PostgresJobs"
MOMENTS = {
    "run_stored_not_sent": Moment(place=f"{_RUNS}.create", after=True),
    "fetched_not_delivered": Moment(
        place="tasks.transport.channel:Channel._deliver_all", counts=_brings_a_probe
    ),
    "paid_not_stored": Moment(place=_PAID, counts=_ends_a_call("company_description")),
    "keyed_not_stored": Moment(place=_PAID, counts=_ends_a_call("headquarters")),
    "asked_not_recorded": Moment(place=f"{_RUNS}.record"),
    "recorded_not_counted": Moment(place=f"{_CHORDS}.on_chord_part_return", counts=_is_of_a_chord),
    "last_counted_not_joined": Moment(place=f"{_CHORDS}._chord_publish_claim_expires"),
    "counted_not_acknowledged": Moment(
        place=f"{_CHORDS}.on_chord_part_return", after=True, counts=_is_of_a_chord
    ),
    "written_not_committed": Moment(place="enrich.store.runs:settle_batch", after=True),
    "committed_not_sent": Moment(place=f"{_RUNS}.settle", after=True),
    "sent_not_acknowledged": Moment(
        place="tasks.canvas:CeleryDispatcher.dispatch", after=True, counts=_sends_premium
    ),
    "begun_not_acknowledged": Moment(place="tasks.steps:begin_wave", after=True),
    "job_enriched_not_embedded": Moment(place="enrich.store.vectors:PostgresVectors.put"),
    "job_embedded_not_ended": Moment(place=f"{_JOBS}.end"),
    "job_ended_not_acknowledged": Moment(place=f"{_JOBS}.end", after=True),
}


def _die_if_armed(name: str) -> None:
    try:
        Path(os.environ[FOLDER], name).unlink()
    except FileNotFoundError:
        return
    os.kill(os.getpid(), signal.SIGKILL)


def _wrapped(function: Callable[..., Any], name: str, moment: Moment) -> Callable[..., Any]:
    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        is_due = moment.counts(*args, **kwargs)
        if is_due and not moment.after:
            _die_if_armed(name)
        result = function(*args, **kwargs)
        if is_due and moment.after:
            _die_if_armed(name)
        return result

    return call


def _owner_of(place: str) -> Iterator[Any]:
    """Give what holds the function, and its name there."""
    module, _, path = place.partition(":")
    *within, name = path.split(".")
    yield functools.reduce(getattr, within, import_module(module))
    yield name


for _name, _moment in MOMENTS.items() if FOLDER in os.environ else ():
    _owner, _attribute = _owner_of(_moment.place)
    setattr(_owner, _attribute, _wrapped(getattr(_owner, _attribute), _name, _moment))
