"""What the tasks of one process work with: built at first use, closed with the process."""

import threading
from typing import Any

from celery import signals

from enrich.bootstrap import Services, build

__all__ = ["services"]

_lock = threading.Lock()
_built: list[Services] = []  # at most one; under the lock


def services() -> Services:
    """Give this process's services; the first caller builds them, after any fork."""
    with _lock:
        if not _built:
            _built.append(build())
        return _built[0]


def _close(**_: Any) -> None:
    with _lock:
        while _built:
            _built.pop().close()


signals.worker_process_shutdown.connect(_close)
signals.worker_shutdown.connect(_close)
