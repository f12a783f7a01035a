"""The settings of traces that are kept here; a collector is told by the standard `OTEL_*`."""

from pathlib import Path

from enrich.settings.values import Values

__all__ = ["TraceSettings"]


class TraceSettings(Values):
    """Where traces are written as files that `enrich trace` reads; unset: nowhere.

    It is for looking at one machine without a collector: each process writes a file of up to 20 MB.
    """

    directory: Path | None = None
