"""What a message must look like before a task sees it, and what is wrong with one that does not.

Celery drops such a message with a line in the log, ends the worker, or takes it again for ever: by
what exactly is wrong with it. Here it gets a reason, and is parked with that.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from kombu.utils.json import dumps

from enrich.errors import BadInputError

__all__ = ["LONGEST_COUNTDOWN_S", "Envelope", "problem_of", "sending_problem"]

#: A worker holds a message for that long at most: one that is held beyond the visibility timeout
#: is delivered again and again. What is due later waits in PostgreSQL.
LONGEST_COUNTDOWN_S = 60.0
_MOST_RETRIES = 1_000
_TEXTS = ("group", "root_id", "parent_id", "expires", "shadow")


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """A message as it came: its headers, its decoded body, and how long that was."""

    headers: Mapping[str, object]
    body: object
    body_bytes: int


def problem_of(envelope: Envelope, *, now: datetime, most_bytes: int) -> str:
    """Say why no task can be made of a message; nothing when one can."""
    if envelope.body_bytes > most_bytes:
        return f"is {envelope.body_bytes} bytes long; {most_bytes} are allowed"
    headers = envelope.headers
    for name in ("task", "id"):
        if not isinstance(headers.get(name), str) or not headers[name]:
            return f"has no {name} in its headers"
    if wrong := [name for name in _TEXTS if not isinstance(headers.get(name), str | None)]:
        return f"header {wrong[0]} is no text"
    return (
        _retries_problem(headers.get("retries", 0))
        or _limits_problem(headers.get("timelimit"))
        or _moment_problem("expires", headers.get("expires"))
        or _eta_problem(headers.get("eta"), now)
        or _body_problem(envelope.body)
    )


def sending_problem(
    args: Any, kwargs: Any, options: Mapping[str, Any], *, most_bytes: int
) -> BadInputError | None:
    """Say why a task must not be sent: it would be parked. None when it may be."""
    length = len(dumps([args, kwargs]))
    if length > most_bytes:
        hint = "send fewer at a time, or raise ENRICH_BROKER__MAX_MESSAGE_BYTES"
        problem = f"are {length} bytes long; {most_bytes} are allowed"
        return BadInputError("arguments", problem, hint=hint)
    eta, countdown_s = options.get("eta"), options.get("countdown") or 0
    is_far = isinstance(eta, datetime) and _eta_problem(eta.isoformat(), datetime.now(UTC))
    if is_far or countdown_s > LONGEST_COUNTDOWN_S:
        problem = f"lies more than {LONGEST_COUNTDOWN_S:g} s ahead"
        hint = "send the task when it is due: no worker holds one for as long"
        return BadInputError("eta" if is_far else "countdown", problem, hint=hint)
    return None


def _retries_problem(retries: object) -> str:
    is_count = isinstance(retries, int) and not isinstance(retries, bool)
    if retries is None or (is_count and 0 <= int(str(retries)) <= _MOST_RETRIES):
        return ""
    return f"header retries is no number from 0 to {_MOST_RETRIES}"


def _limits_problem(limits: object) -> str:
    if limits is None:
        return ""
    match limits:
        case [int() | float() | None, int() | float() | None]:
            return ""
        case _:
            return "header timelimit is no pair of numbers"


def _moment_problem(name: str, value: object) -> str:
    if value is None or _moment_of(value) is not None:
        return ""
    return f"header {name} is no moment in ISO 8601"


def _eta_problem(value: object, now: datetime) -> str:
    if value is None:
        return ""
    eta = _moment_of(value)
    if eta is None:
        return "header eta is no moment in ISO 8601"
    if (eta - now).total_seconds() > LONGEST_COUNTDOWN_S:
        return f"is due in more than {LONGEST_COUNTDOWN_S:g} s; a worker holds none for as long"
    return ""


def _moment_of(value: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _body_problem(body: object) -> str:
    match body:
        case [list(), dict(), dict() | None]:
            return ""
        case _:
            return "body is not [arguments, named arguments, what follows]"
