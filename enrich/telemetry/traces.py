"""Traces by OpenTelemetry: to a collector by its own `OTEL_*` settings, or to files of ours.

Nothing of it is imported unless traces are wanted. What it samples, batches and where it exports to
follows the standard variables; only whether to begin at all is decided here.
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from contextvars import copy_context
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from enrich.ports.tracing import NO_TRACES, Fact, Kind, Span, Tracer

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Span as OtelSpan

__all__ = ["OtelTracer", "collecting_tracer", "lacking_packages", "tracer_of", "wants_export"]

log = logging.getLogger(__name__)
T = TypeVar("T")

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PACKAGES = ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")
_FLUSH_MS = 5_000
#: A person waits for a file; a collector is asked less often.
_FILE_DELAY_MS = 200


def tracer_of(env: Mapping[str, str], *, directory: Path | None) -> Tracer:
    """Give the tracer that the environment and `directory` ask for, mostly the one of nothing."""
    to_collector = wants_export(env)
    if not to_collector and directory is None:
        return NO_TRACES
    if lacking := lacking_packages():
        hint = "install enrich-engine[otel], or unset OTEL_* and ENRICH_TRACES__DIRECTORY"
        log.warning("traces.off", extra={"lacks": lacking[0], "hint": hint})
        return NO_TRACES
    return _exporting(env, directory, to_collector=to_collector)


def lacking_packages() -> tuple[str, ...]:
    """Name what traces need and is not installed."""
    return tuple(name for name in _PACKAGES if not _is_there(name))


def wants_export(env: Mapping[str, str]) -> bool:
    """Say whether the standard variables ask for traces to leave this process."""
    if env.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    exporter = env.get("OTEL_TRACES_EXPORTER", "").strip().lower()
    return exporter in {"otlp", "console"} or (
        not exporter and any(env.get(name, "").strip() for name in _ENDPOINTS)
    )


def collecting_tracer(exporter: "SpanExporter") -> "OtelTracer":
    """Give a tracer whose every span goes to this exporter at once."""
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.sampling import ALWAYS_ON

    provider = _provider(sampler=ALWAYS_ON)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return OtelTracer(provider)


class OtelTracer:
    """The port `Tracer` on an SDK of OpenTelemetry."""

    def __init__(self, provider: "TracerProvider") -> None:
        from opentelemetry import trace
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self._trace, self._provider = trace, provider
        self._tracer = provider.get_tracer("enrich")
        self._wire = TraceContextTextMapPropagator()

    def span(
        self,
        name: str,
        facts: Mapping[str, Fact] | None = None,
        *,
        kind: Kind = "internal",
        parent: Mapping[str, str] | None = None,
    ) -> AbstractContextManager[Span]:
        """Note what the block does; the port's promise."""
        return self._noted(name, facts or {}, kind, parent or {})

    @contextmanager
    def _noted(
        self, name: str, facts: Mapping[str, Fact], kind: Kind, parent: Mapping[str, str]
    ) -> Iterator[Span]:
        with self._tracer.start_as_current_span(
            name,
            context=self._wire.extract(parent) if parent else None,
            kind=self._kind(kind),
            attributes=dict(facts),
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            noted = _Noted(span)
            try:
                yield noted
            except BaseException as exc:
                # Its words may hold the value of a cell.
                noted.fail(type(exc).__name__)
                raise

    def begin(self, name: str, facts: Mapping[str, Fact] | None = None) -> Span:
        """Note a call out; the port's promise."""
        if not self._trace.get_current_span().is_recording():
            return _Noted(self._trace.INVALID_SPAN)
        kind = self._kind("client")
        return _Noted(self._tracer.start_span(name, kind=kind, attributes=dict(facts or {})))

    def carried(self) -> dict[str, str]:
        """Give the headers of the span around this; the port's promise."""
        headers: dict[str, str] = {}
        self._wire.inject(headers)
        return headers

    def bound(self, call: Callable[[], T]) -> Callable[[], T]:
        """Give the call for another thread; the port's promise."""
        around = copy_context()
        return lambda: around.run(call)

    def flush(self) -> None:
        """Send what has not been sent; the port's promise."""
        self._provider.force_flush(_FLUSH_MS)

    def _kind(self, kind: Kind) -> Any:
        return self._trace.SpanKind[kind.upper()]


class _Noted:
    """A span of OpenTelemetry under our two words."""

    __slots__ = ("_span",)

    def __init__(self, span: "OtelSpan") -> None:
        self._span = span

    def set(self, facts: Mapping[str, Fact]) -> None:
        """Say more about it."""
        self._span.set_attributes(dict(facts))

    def fail(self, error: str) -> None:
        """Say that it failed, and by the name of what."""
        from opentelemetry.trace import StatusCode

        self._span.set_attribute("error.type", error)
        self._span.set_status(StatusCode.ERROR)

    def end(self, *, error: str = "") -> None:
        """End it."""
        if error:
            self.fail(error)
        self._span.end()


def _exporting(env: Mapping[str, str], directory: Path | None, *, to_collector: bool) -> Tracer:
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter

    provider = _provider()
    if to_collector and env.get("OTEL_TRACES_EXPORTER", "").strip().lower() == "console":
        provider.add_span_processor(BatchSpanProcessor(ConsoleSpanExporter()))
    elif to_collector:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    if directory is not None:
        from enrich.telemetry.trace_files import FileExporter

        files = FileExporter(directory)
        provider.add_span_processor(BatchSpanProcessor(files, schedule_delay_millis=_FILE_DELAY_MS))
    return OtelTracer(provider)


def _provider(**options: Any) -> "TracerProvider":
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider

    # OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES win over what is said here.
    return TracerProvider(resource=Resource.create({"service.name": "enrich"}), **options)


def _is_there(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ModuleNotFoundError:
        return False
