"""Logs as events: one line each, JSON for machines, aligned words for a person who watches.

Any module logs an event with fields: `log.info("probe.finished", extra={"provider": name})`. Only
`configure_logging` decides how it looks. No line shows a secret, and no value can begin a new line.
"""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any, TextIO

from enrich.telemetry.redaction import redacted

__all__ = ["JsonFormatter", "PlainFormatter", "configure_logging", "show_warnings"]

#: What every record has; all else on a record came as `extra`.
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def configure_logging(
    level: str = "INFO", *, as_json: bool | None = None, stream: TextIO | None = None
) -> None:
    """Send all logs to `stream`, by default standard error; replaces an earlier call's choice.

    Args:
        level: the least severe level that is shown.
        as_json: None means JSON unless the stream is a terminal.
        stream: where to.
    """
    target = stream or sys.stderr
    handler = _Handler(target)
    wants_json = not target.isatty() if as_json is None else as_json
    handler.setFormatter(JsonFormatter() if wants_json else PlainFormatter())
    root = logging.getLogger()
    for old in [each for each in root.handlers if isinstance(each, _Handler)]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level)


def show_warnings(stream: TextIO | None = None) -> None:
    """Show our warnings with their fields in a process that has set up no logging of its own.

    Python would show the bare names of events. Who sets logging up later gets them instead.
    """
    ours = logging.getLogger("enrich")
    if not ours.handlers:
        handler = logging.StreamHandler(stream)
        handler.setLevel(logging.WARNING)
        handler.setFormatter(PlainFormatter())
        handler.addFilter(lambda _: not logging.getLogger().handlers)
        ours.addHandler(handler)


class _Handler(logging.StreamHandler[TextIO]):
    """Marks the handler that is ours, to be replaced by the next one."""


class JsonFormatter(logging.Formatter):
    """One JSON object on one line, in ASCII, so that nothing in a value can break the line."""

    def format(self, record: logging.LogRecord) -> str:
        """Render a record; our own four names win over fields of the same name."""
        return json.dumps(_fields(record) | _frame(record), allow_nan=False)


class PlainFormatter(logging.Formatter):
    """Time, level, event and `name=value` pairs; a traceback follows on lines of its own."""

    def format(self, record: logging.LogRecord) -> str:
        """Render a record."""
        fields, frame = _fields(record), _frame(record)
        trace = str(fields.pop("traceback", ""))
        pairs = " ".join(f"{_visible(name)}={_visible(value)}" for name, value in fields.items())
        moment = str(frame["at"])[11:19]
        head = f"{moment} {frame['level']:<7} {_visible(frame['event'])} {pairs}".rstrip()
        lines = (_visible(line) for line in trace.splitlines())
        return "\n    ".join([head, *lines])


def _frame(record: logging.LogRecord) -> dict[str, Any]:
    return {
        "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
        "level": record.levelname.lower(),
        "event": redacted(record.getMessage()),
        "logger": record.name,
    }


def _fields(record: logging.LogRecord) -> dict[str, object]:
    fields = {
        str(redacted(name)): redacted(value, name=name)
        for name, value in vars(record).items()
        if name not in _STANDARD
    }
    if record.exc_info and record.exc_info[0]:
        fields["error"] = record.exc_info[0].__name__
        fields["traceback"] = redacted(logging.Formatter().formatException(record.exc_info))
    return fields


def _visible(value: object) -> str:
    # A terminal obeys control characters; a reader should see them instead.
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
