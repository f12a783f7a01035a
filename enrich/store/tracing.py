"""Statements as spans: what kind of statement on which table, never its text or its values."""

import re
from typing import Any

from sqlalchemy import Connection, Engine, ExceptionContext, event

from enrich.ports.tracing import Span, Tracer

__all__ = ["summary_of", "trace_statements"]

_UNDER_WAY = "enrich.span"
_VERB = re.compile(r"\s*(?:WITH\b.*?\b(?=INSERT|UPDATE|DELETE|SELECT|MERGE))?(\w+)", re.I | re.S)
_READ = re.compile(r"\bFROM\s+(?:ONLY\s+)?([a-z_]\w*)", re.I)
#: What changes something says more of a statement than what it reads before.
_CHANGE = re.compile(
    r"\b(INSERT(?=\s+INTO)|DELETE(?=\s+FROM)|MERGE(?=\s+INTO)|UPDATE(?!\s+(?:SET|SKIP|OF)\b))"
    r"(?:\s+INTO|\s+FROM)?\s+(?:ONLY\s+)?([a-z_]\w*)",
    re.I,
)
_FUNCTION = re.compile(r"\bSELECT\s+([a-z_]\w*)\(", re.I)


def trace_statements(engine: Engine, tracer: Tracer) -> None:
    """Note every statement that runs under a span."""

    def begin(connection: Connection, _cursor: Any, statement: str, *_: Any) -> None:
        summary = summary_of(statement)
        facts = {"db.system.name": "postgresql", "db.query.summary": summary}
        connection.info[_UNDER_WAY] = tracer.begin(f"sql {summary}", facts)

    def end(connection: Connection, *_: Any) -> None:
        span: Span | None = connection.info.pop(_UNDER_WAY, None)
        if span is not None:
            span.end()

    def fail(context: ExceptionContext) -> None:
        info = context.connection.info if context.connection is not None else {}
        span: Span | None = info.pop(_UNDER_WAY, None)
        if span is not None:
            span.end(error=type(context.original_exception).__name__)

    event.listen(engine, "before_cursor_execute", begin)
    event.listen(engine, "after_cursor_execute", end)
    event.listen(engine, "handle_error", fail)


def summary_of(statement: str) -> str:
    """Name a statement by what it changes first, else by the first table or function it names."""
    if changed := _CHANGE.search(statement):
        return f"{changed[1].upper()} {changed[2]}"
    verb = _VERB.match(statement)
    named = _READ.search(statement) or _FUNCTION.search(statement)
    return f"{verb[1].upper() if verb else 'SQL'} {named[1] if named else ''}".strip()
