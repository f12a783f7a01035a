"""The wire format of steps: names only, because the world moves on after a message is sent.

A message outlives a deploy: fields are added with a default, and never change their meaning.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from itertools import accumulate
from typing import Any

from enrich.domain.run import BatchRef, Phase, Step, StepKind
from enrich.errors import BadInputError

__all__ = ["VERSION", "countdown_of", "from_wire", "summary_of", "to_wire"]

VERSION = 1


def to_wire(step: Step) -> dict[str, Any]:
    """Encode a step as a JSON object."""
    ref = step.batch
    return {
        "v": VERSION,
        "kind": step.kind.value,
        "tenant": step.tenant,
        "table": step.table,
        "run": ref.run_id,
        "batch": ref.number,
        "attempt": ref.attempt,
        "phase": ref.phase.value,
        "wave": ref.wave,
        "providers": list(step.providers),
        "urgent": step.urgent,
        "asks": {name: steps_of(rows) for name, rows in step.asks.items()},
        "begun": step.is_begun,
    }


def from_wire(raw: object) -> Step:
    """Decode a step.

    Raises:
        BadInputError: it is not one, or of a version that is newer than this code.
    """
    if not isinstance(raw, Mapping):
        raise BadInputError("message", "must be an object")
    version = raw.get("v")
    if version != VERSION:
        raise BadInputError("message.v", f"version {version!r} is not known to this worker")
    try:
        return Step(
            kind=StepKind(raw["kind"]),
            batch=_batch(raw),
            providers=tuple(str(name) for name in raw["providers"]),
            table=str(raw["table"]),
            tenant=str(raw["tenant"]),
            urgent=bool(raw.get("urgent", False)),
            asks={str(name): _rows(steps) for name, steps in raw.get("asks", {}).items()},
            is_begun=bool(raw.get("begun", False)),
        )
    except (KeyError, TypeError, ValueError) as exc:
        raise BadInputError("message", f"is not a step ({type(exc).__name__}: {exc})") from exc


def steps_of(rows: Iterable[int]) -> list[int]:
    """Shorten the ids of rows, in order: the first, then by how much each is beyond the last."""
    ordered = sorted(rows)
    return [row - before for row, before in zip(ordered, [0, *ordered], strict=False)]


def _rows(steps: Iterable[Any]) -> tuple[int, ...]:
    return tuple(accumulate(int(step) for step in steps))


def _batch(raw: Mapping[str, Any]) -> BatchRef:
    return BatchRef(
        run_id=int(raw["run"]),
        number=int(raw["batch"]),
        attempt=int(raw["attempt"]),
        phase=Phase(raw["phase"]),
        wave=int(raw["wave"]),
    )


def summary_of(step: Step, provider: str = "") -> str:
    """Describe a step for operators, as Flower shows it; never a value of a cell."""
    ref = step.batch
    words = [
        f"table={step.table}",
        f"run={ref.run_id}",
        f"batch={ref.number}",
        f"attempt={ref.attempt}",
        f"{ref.phase.value}={ref.wave}",
    ]
    if provider:
        words.append(f"provider={provider}")
    if step.tenant != "default":
        words.append(f"tenant={step.tenant}")
    return " ".join(words)


def countdown_of(at: datetime | None, now: datetime) -> float | None:
    """Give the seconds until a step is due; None for at once."""
    if at is None or at <= now:
        return None
    return (at - now).total_seconds()
