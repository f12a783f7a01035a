"""What the client writes for a worker, many in one command; and what it reads of the answer."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from enrich.client.requests import Request
from enrich.domain.celery_message import content_of, message_text
from enrich.errors import BadInputError, NoAnswerError, RefusedError, RunFailedError

__all__ = [
    "MAX_MESSAGE_BYTES",
    "QUEUE",
    "Message",
    "absence",
    "encode",
    "parcels",
    "read_result",
    "result_key",
]

T = TypeVar("T")

QUEUE = "enrich.ingest"
#: What a worker takes unless `ENRICH_BROKER__MAX_MESSAGE_BYTES` says otherwise.
MAX_MESSAGE_BYTES = 256 * 1024
#: What one command carries at most: the broker serves others between two of them.
_PARCEL_MESSAGES, _PARCEL_BYTES = 500, 1024 * 1024
_ENDED = frozenset({"SUCCESS", "FAILURE", "REVOKED"})
#: What a worker raises for a request that cannot be done as asked.
_REFUSALS = frozenset({"BadInputError", "UnknownNameError", "UsageError", "NotRegistered"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A task on its way: where it is put, and the text itself."""

    task_id: str
    task: str
    text: str
    queue: str = QUEUE


def encode(request: Request[object], *, task_id: str, most_bytes: int, origin: str) -> Message:
    """Write a request as a message.

    Raises:
        BadInputError: an argument is no JSON, or the message is longer than a worker takes.
    """
    try:
        body = json.dumps(content_of([], request.arguments), allow_nan=False)
    except (TypeError, ValueError) as exc:
        raise BadInputError("arguments", f"cannot be written as JSON: {exc}") from exc
    if len(body) > most_bytes:
        problem = f"are {len(body)} bytes long; {most_bytes} are allowed"
        raise BadInputError("arguments", problem, hint="send fewer rows at a time")
    text = message_text(
        body,
        task=request.task,
        task_id=task_id,
        tag=task_id,
        queue=QUEUE,
        headers=_headers(request, origin),
    )
    return Message(task_id=task_id, task=request.task, text=text)


def parcels(messages: Sequence[Message]) -> Iterator[Sequence[Message]]:
    """Cut messages into what one command each carries, in their order."""
    parcel: list[Message] = []
    length = 0
    for message in messages:
        is_full = len(parcel) == _PARCEL_MESSAGES or length + len(message.text) > _PARCEL_BYTES
        if parcel and is_full:
            yield parcel
            parcel, length = [], 0
        parcel.append(message)
        length += len(message.text)
    if parcel:
        yield parcel


def _headers(request: Request[object], origin: str) -> Mapping[str, Any]:
    return {
        "ignore_result": False,
        "origin": origin,
        # What Flower shows: a row's key may be somebody's address.
        "argsrepr": "()",
        "kwargsrepr": f"table={request.arguments['table_id']}",
    }


def result_key(task_id: str) -> str:
    """Name the key that holds a result, and the channel that tells of it."""
    return f"celery-task-meta-{task_id}"


def read_result(request: Request[T], raw: str | bytes | None) -> T | None:
    """Read a result; None while there is none.

    Raises:
        RefusedError: the request cannot be done as asked.
        RunFailedError: it was begun, and did not end well.
    """
    if raw is None:
        return None
    told = json.loads(raw)
    if told["status"] not in _ENDED:
        return None
    if told["status"] == "SUCCESS":
        return request.read(told["result"])
    kind, sentence = _said(told["result"])
    if kind in _REFUSALS:
        raise RefusedError(sentence)
    raise RunFailedError(f"{request.task} failed: {sentence}")


def _said(result: object) -> tuple[str, str]:
    """Give the kind of a stored exception, and its sentence."""
    if not isinstance(result, Mapping):
        return "", "no reason was given"
    kind = str(result.get("exc_type", ""))
    words = result.get("exc_message") or ()
    said = " ".join(map(str, words)) if isinstance(words, list | tuple) else str(words)
    return kind, said or kind


def absence(message: Message, *, waited_s: float, waits: bool, ahead: int) -> NoAnswerError:
    """Say why there is no answer: nobody took the message, or who did is still at work."""
    if waits:
        why = (
            f"no worker has taken it: {ahead} messages wait in {message.queue!r}; start one with "
            "`enrich up` or `celery -A tasks worker`"
        )
    else:
        why = "a worker has taken it and goes on; ask for the reply again, or raise the timeout"
    sentence = f"{message.task} was not answered within {waited_s:g} s: {why}"
    return NoAnswerError(sentence, task_id=message.task_id, is_taken=not waits)
