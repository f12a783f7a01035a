"""Traces across the broker: who sends goes into a message's headers, who takes it goes on there.

The headers are `traceparent` of the W3C, as any other producer may send it, and our own
`enrich_sent`, milliseconds of the wall clock, by which a message's wait is told.
"""

import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from celery import Task

from enrich.bootstrap import process_tracer
from enrich.ports.tracing import NO_TRACES, Fact, Span

__all__ = ["carried", "sending", "taken_together", "taken_up"]

_SENT = "enrich_sent"
_CARRIED = ("traceparent", "tracestate")
_OF_STEPS = ("tenant", "table", "run", "batch", "attempt", "phase", "wave")


def sending(name: str) -> AbstractContextManager[Span]:
    """Note the sending of messages: what takes them up goes on under this."""
    return process_tracer().span(f"send {name}", kind="producer")


def carried(*, is_body: bool = False) -> dict[str, Any]:
    """Give options for a message: the headers that carry the trace on, if there is one.

    The body of a chord is sent by whoever ends its last part, so its wait is not told.
    """
    headers: dict[str, Any] = {**process_tracer().carried()}
    if headers and not is_body:
        headers[_SENT] = time.time_ns() // 1_000_000
    return {"headers": headers} if headers else {}


def taken_up(task: Task[Any, Any], args: Sequence[Any]) -> AbstractContextManager[Span]:
    """Note a task, under the span that its message was sent from."""
    tracer = process_tracer()
    if tracer is NO_TRACES:
        return tracer.span(task.name)
    request = task.request
    parent = {name: str(request.get(name)) for name in _CARRIED if request.get(name)}
    return tracer.span(task.name, _facts(request, args), kind="consumer", parent=parent)


def taken_together(task: str, messages: Sequence[Any]) -> AbstractContextManager[Span]:
    """Note messages that are done as one, under the span that the first was sent from."""
    tracer = process_tracer()
    if tracer is NO_TRACES:
        return tracer.span(task)
    headers: Mapping[str, Any] = messages[0].headers
    parent = {name: str(headers[name]) for name in _CARRIED if headers.get(name)}
    facts: dict[str, Fact] = {"enrich.calls": len(messages), **_waited(headers)}
    return tracer.span(task, facts, kind="consumer", parent=parent)


def _waited(headers: Any) -> dict[str, Fact]:
    sent_ms = headers.get(_SENT)
    if not isinstance(sent_ms, int):
        return {}
    return {"enrich.waited_ms": max(0, time.time_ns() // 1_000_000 - sent_ms)}


def _facts(request: Any, args: Sequence[Any]) -> dict[str, Fact]:
    message = next((each for each in args if isinstance(each, Mapping) and "run" in each), {})
    facts: dict[str, Fact] = {
        f"enrich.{name}": message[name]
        for name in _OF_STEPS
        if isinstance(message.get(name), str | int)
    }
    if message and isinstance(args[-1], str):
        facts["enrich.provider"] = args[-1]
    return facts | _waited(request)
