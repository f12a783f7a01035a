"""Traces as files: a line of OTLP's JSON for each batch of spans, one file a process.

A collector reads such files too, by its receiver `otlpjsonfile`. A file that has grown to its limit
is kept once and begun anew.
"""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from enrich.domain.traces import NotedSpan

__all__ = ["FileExporter", "noted", "read_spans"]

_BYTES_MAX = 20 * 1024 * 1024
_FAILED = 2
_TYPES = {bool: "boolValue", int: "intValue", float: "doubleValue"}


class FileExporter(SpanExporter):
    """Appends spans to a file of this process in `directory`, which only we may read."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Write spans down as one line; a full disk loses them and nothing else."""
        document = {"resourceSpans": [_resource(spans)]}
        try:
            self._append(json.dumps(document, separators=(",", ":")) + "\n")
        except OSError:
            return SpanExportResult.FAILURE
        return SpanExportResult.SUCCESS

    def _append(self, line: str) -> None:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._directory / f"{os.getpid()}.jsonl"
        if path.exists() and path.stat().st_size > _BYTES_MAX:
            path.replace(path.with_suffix(".old.jsonl"))
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a") as file:
            file.write(line)

    def shutdown(self) -> None:
        """Do nothing: no file is held open."""

    def force_flush(self, timeout_millis: int = 30_000) -> bool:  # noqa: ARG002 - the SDK's name
        """Do nothing: all is written."""
        return True


def read_spans(directory: Path) -> Iterator[NotedSpan]:
    """Read all spans of a directory; a line that is cut off is passed over."""
    for path in sorted(directory.glob("*.jsonl")):
        for line in path.read_text(errors="replace").splitlines():
            try:
                document = json.loads(line)
            except ValueError:
                continue
            yield from _spans_in(document)


def noted(span: ReadableSpan) -> NotedSpan:
    """Give a span of the SDK as the value that trees are made of."""
    (read,) = _spans_in({"resourceSpans": [_resource([span])]})
    return read


def _resource(spans: Sequence[ReadableSpan]) -> dict[str, Any]:
    attributes = spans[0].resource.attributes if spans else {}
    scope = {"scope": {"name": "enrich"}, "spans": [_written(span) for span in spans]}
    return {"resource": {"attributes": _attributes(attributes)}, "scopeSpans": [scope]}


def _written(span: ReadableSpan) -> dict[str, Any]:
    context = span.get_span_context()
    assert context is not None  # noqa: S101 - of a span that has ended there is one
    written = {
        "traceId": f"{context.trace_id:032x}",
        "spanId": f"{context.span_id:016x}",
        "name": span.name,
        # The SDK counts kinds from 0, the wire from 1.
        "kind": span.kind.value + 1,
        "startTimeUnixNano": str(span.start_time),
        "endTimeUnixNano": str(span.end_time),
        "attributes": _attributes(span.attributes or {}),
        "status": {"code": span.status.status_code.value},
    }
    if span.parent is not None:
        written["parentSpanId"] = f"{span.parent.span_id:016x}"
    return written


def _attributes(facts: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"key": name, "value": _value(fact)} for name, fact in facts.items()]


def _value(fact: object) -> dict[str, object]:
    kind = _TYPES.get(type(fact), "stringValue")
    # 64-bit numbers are text in the JSON of OTLP.
    is_plain = kind in {"boolValue", "doubleValue"}
    return {kind: fact if is_plain else str(fact)}


def _spans_in(document: Mapping[str, Any]) -> Iterator[NotedSpan]:
    for resource in document.get("resourceSpans", ()):
        for scope in resource.get("scopeSpans", ()):
            for raw in scope.get("spans", ()):
                yield _read(raw)


def _read(raw: Mapping[str, Any]) -> NotedSpan:
    facts = {each["key"]: next(iter(each["value"].values())) for each in raw["attributes"]}
    return NotedSpan(
        trace=raw["traceId"],
        id=raw["spanId"],
        parent=raw.get("parentSpanId", ""),
        name=raw["name"],
        began_ns=int(raw["startTimeUnixNano"]),
        ended_ns=int(raw["endTimeUnixNano"]),
        facts=facts,
        failed=raw["status"].get("code") == _FAILED,
    )
