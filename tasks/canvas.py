"""Steps as chords: one per batch and wave, its parts the probes, its body the fusion.

A wave is begun by a message of its own, because what the cache knows needs no chord.

The chord's messages are sent by hand, in Celery's own format: the same parts, the same body, the
same count in the backend. `chord(...)()` would subscribe to the result of every part, which nobody
reads, and leave result objects behind that complain when the interpreter ends.
"""

import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from celery import Celery
from kombu import Producer
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from enrich.domain.run import Step, StepKind
from enrich.embedded import redis_url
from enrich.errors import BrokerDownError
from enrich.state.broker import check_broker
from tasks.envelope import LONGEST_COUNTDOWN_S
from tasks.messages import countdown_of, summary_of, to_wire
from tasks.settings import LOOK_UP_FIRST, URGENT
from tasks.traces import carried, sending

__all__ = ["CeleryDispatcher"]

#: Task ids are names of what they do, so that a second launch of one wave is the same tasks.
_IDS = uuid.UUID("6b0b6c1c-2f8e-4a57-9a0e-3f4b6f6f0e11")


class CeleryDispatcher:
    """Sends steps to the workers."""

    def __init__(self, app: Celery) -> None:
        self._app = app

    def dispatch(self, steps: Sequence[Step]) -> None:
        """Publish the steps in one pipeline. Raises `BrokerDownError`; the sweep sends the rest."""
        now = datetime.now(UTC)
        steps = [step for step in steps if not _is_far(step, now)]
        if not steps:
            return
        try:
            # Asked once at first: who carries messages is patient with a server that is away.
            check_broker(redis_url(self._app.conf.result_backend))
            # Known before the first part can end, so the count cannot miss one.
            self._announce([step for step in steps if self._is_chord(step)])
            with (
                sending("steps"),
                self._app.producer_or_acquire() as producer,
                producer.batch(),
            ):
                for step in steps:
                    self._publish(producer, step)
        except (BrokerDownError, OperationalError, ConnectionError, RedisError) as exc:
            raise BrokerDownError(
                "the broker does not answer; the run is stored and the sweep will send it"
            ) from exc

    def _publish(self, producer: Producer, step: Step) -> None:
        countdown_s = countdown_of(step.at, datetime.now(UTC))
        if self._is_chord(step):
            self._publish_chord(producer, step, countdown_s)
            return
        wire = to_wire(step)
        if step.kind is StepKind.PREMIUM:
            self._send(producer, "enrich.premium", step, (wire,), countdown=countdown_s)
        elif self._is_to_begin(step):
            self._send(producer, "enrich.begin", step, (wire,), countdown=countdown_s)
        else:
            self._send(producer, "enrich.fuse", step, ([], wire), countdown=countdown_s)

    def _is_chord(self, step: Step) -> bool:
        return _is_wave(step) and not self._is_to_begin(step)

    def _is_to_begin(self, step: Step) -> bool:
        """Say whether a wave is looked up before its probes are sent.

        Not where the settings forbid it, nor where somebody waits, because each message counts
        there; nor where it was lost before. Those probes look for themselves.
        """
        if step.urgent or not self._app.conf.get(LOOK_UP_FIRST, True):
            return False
        return _is_wave(step) and not step.is_begun and step.batch.attempt == 1

    def _announce(self, chords: Sequence[Step]) -> None:
        """Say of how many parts each chord is made: what `set_chord_size` does for one."""
        if not chords:
            return
        backend: Any = self._app.backend
        with backend.client.pipeline(transaction=False) as pipe:
            for step in chords:
                group_id = _group_of(step)
                pipe.delete(backend.get_key_for_group(group_id, ".c"))
                size_key = backend.get_key_for_group(group_id, ".s")
                pipe.set(size_key, len(step.providers), ex=backend.chord_expires or None)
            pipe.execute()

    def _publish_chord(self, producer: Producer, step: Step, countdown_s: float | None) -> None:
        group_id = _group_of(step)
        body = self._app.signature(
            "enrich.fuse",
            args=(to_wire(_for(step)),),
            options={**_options("enrich.fuse", step), **carried(is_body=True)},
        )
        for place, provider in enumerate(step.providers):
            self._send(
                producer,
                "enrich.probe",
                step,
                (to_wire(_for(step, provider)), provider),
                provider,
                countdown=countdown_s,
                chord=body,
                group_id=group_id,
                group_index=place,
            )

    def _send(
        self,
        producer: Producer,
        name: str,
        step: Step,
        args: tuple[Any, ...],
        provider: str = "",
        **options: Any,
    ) -> None:
        self._app.send_task(
            name,
            args=args,
            producer=producer,
            ignore_result=True,
            add_to_parent=False,
            **_options(name, step, provider),
            **carried(),
            **options,
        )


def _for(step: Step, *providers: str) -> Step:
    """Leave out the rows that others are asked about."""
    return replace(step, asks={name: step.asks[name] for name in providers if name in step.asks})


def _options(name: str, step: Step, provider: str = "") -> dict[str, Any]:
    """Name a task, and say for operators what it is about; never a value of a cell."""
    summary = summary_of(step, provider)
    options = {"task_id": _id_of(name, summary), "argsrepr": summary, "kwargsrepr": ""}
    return options | ({"queue": URGENT} if step.urgent else {})


def _is_far(step: Step, now: datetime) -> bool:
    """Say whether a step is left to the sweep: no worker holds one for so long."""
    countdown_s = countdown_of(step.at, now)
    return countdown_s is not None and countdown_s > LONGEST_COUNTDOWN_S


def _is_wave(step: Step) -> bool:
    return step.kind is StepKind.PROBE and bool(step.providers)


def _group_of(step: Step) -> str:
    return _id_of("group", summary_of(step))


def _id_of(name: str, summary: str) -> str:
    return str(uuid.uuid5(_IDS, f"{name} {summary}"))
