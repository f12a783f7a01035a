"""Steps as chords: one per batch and wave, its parts the probes, its body the fusion."""

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from celery import Celery, Signature, chord
from kombu.exceptions import OperationalError

from enrich.domain.run import Step, StepKind
from enrich.errors import BrokerDownError
from tasks.messages import countdown_of, summary_of, to_wire

__all__ = ["CeleryDispatcher"]

#: Task ids are names of what they do, so that a second launch of one wave is the same tasks.
_IDS = uuid.UUID("6b0b6c1c-2f8e-4a57-9a0e-3f4b6f6f0e11")


class CeleryDispatcher:
    """Sends steps to the workers."""

    def __init__(self, app: Celery) -> None:
        self._app = app

    def dispatch(self, steps: Sequence[Step]) -> None:
        """Publish the steps. Raises `BrokerDownError`; the sweep sends what was not sent."""
        try:
            for step in steps:
                self._publish(step)
        except (OperationalError, ConnectionError) as exc:
            raise BrokerDownError(
                "the broker does not answer; the run is stored and the sweep will send it"
            ) from exc

    def _publish(self, step: Step) -> None:
        when: dict[str, Any] = {}
        countdown_s = countdown_of(step.at, datetime.now(UTC))
        if countdown_s is not None:
            when["countdown"] = countdown_s
        if step.kind is StepKind.PREMIUM:
            self._signature("enrich.premium", step).apply_async(**when)
        elif step.kind is StepKind.FUSE or not step.providers:
            self._fuse(step).apply_async(args=([],), **when)
        else:
            header = [self._probe(step, name).set(**when) for name in step.providers]
            chord(header, app=self._app)(self._fuse(step))

    def _probe(self, step: Step, provider: str) -> Signature[Any]:
        return self._signature("enrich.probe", step, provider)

    def _fuse(self, step: Step) -> Signature[Any]:
        return self._signature("enrich.fuse", step)

    def _signature(self, task: str, step: Step, *extra: str) -> Signature[Any]:
        summary = summary_of(step, *extra)
        return self._app.signature(
            task,
            args=(to_wire(step), *extra),
            options={
                "task_id": str(uuid.uuid5(_IDS, f"{task} {summary}")),
                "argsrepr": summary,
                "kwargsrepr": "",
            },
        )
