"""Celery's own words in the form of our log: one event a line, and no secret in any."""

import logging
import os
import sys
from typing import Any

from celery.exceptions import CPendingDeprecationWarning, Reject

from enrich.bootstrap import settings
from enrich.telemetry import configure_logging

__all__ = ["calm", "is_news", "say", "take_over"]

_FROM_CELERY = ("celery.app.trace", "celery.worker.strategy")


def take_over(**_: Any) -> None:
    """Take logging over from Celery."""
    from celery.apps import worker  # only here: a shell that sends needs none of it

    own = settings().log
    configure_logging(own.level, as_json=own.as_json)
    for name in _FROM_CELERY:
        logging.getLogger(name).addFilter(calm)
    # A filter of warnings would not do: Celery sets its own after this.
    logging.getLogger("py.warnings").addFilter(is_news)
    # What it tells of signals goes around all logging, to standard output.
    worker.safe_say = say  # type: ignore[attr-defined] # untyped


def is_news(record: logging.LogRecord) -> bool:
    """Say whether a warning is about this installation.

    At each reconnection Celery tells what a later version of it will do by itself.
    """
    return CPendingDeprecationWarning.__name__ not in record.getMessage()


def calm(record: logging.LogRecord) -> bool:
    """Take from a record what was sent, and the traceback of what goes back because of a server."""
    context = vars(record).pop("data", None)
    raised = record.exc_info[1] if record.exc_info else None
    if isinstance(raised, Reject):
        # The broker was away, or loading its data, when a step was to be tried again.
        record.msg, record.args, record.exc_info = "task.given_back", (), None
        record.levelno, record.levelname = logging.WARNING, "WARNING"
        reason = str(getattr(raised, "reason", ""))
        vars(record).update(task=(context or {}).get("name", ""), error=reason)
    return True


def say(text: str, _stream: object = None) -> None:
    """Write a sentence as an event, past the locks of logging: a signal's handler calls this."""
    handlers = logging.getLogger().handlers
    formatter = handlers[-1].formatter if handlers else None
    fields = {"name": "celery.worker", "levelno": logging.INFO, "levelname": "INFO", "msg": text}
    line = (formatter or logging.Formatter()).format(logging.makeLogRecord(fields))
    try:
        os.write(sys.stderr.fileno(), f"{line}\n".encode())
    except (OSError, ValueError):  # nobody is there to read it
        return
