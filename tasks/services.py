"""What the tasks of one process work with: built at first use, closed with the process."""

import gc
import threading
import warnings
from collections.abc import MutableMapping
from typing import Any

from celery import signals
from celery.exceptions import SecurityWarning

from enrich.bootstrap import Services, build, settings
from enrich.telemetry import configure_logging
from tasks.logs import take_over
from tasks.startup import refuse_to_start

__all__ = ["close", "holder", "services"]

_lock = threading.Lock()
_built: list[Services] = []  # at most one; under the lock
_holder: list[str] = []  # at most one


def services() -> Services:
    """Give this process's services; the first caller builds them, after any fork."""
    with _lock:
        if not _built:
            _built.append(build(holder=holder()))
            if holder():
                _spare_collections()
        return _built[0]


def _spare_collections() -> None:
    """Let a worker look for cycles among what a batch has made, and not after every 700 values.

    A batch makes values by the ten thousand and hardly a cycle: the collections were a fifth of a
    worker's time. What has been loaded by now stays for good and is looked at no more.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


def holder() -> str:
    """Give the name under which this process holds batches: its worker's; empty outside of one."""
    return _holder[-1] if _holder else ""


def close(**_: Any) -> None:
    """Give back what this process holds; the next use builds it anew."""
    with _lock:
        while _built:
            _built.pop().close()


def _begin(sender: str, conf: MutableMapping[str, Any], **_: Any) -> None:
    """Say what is doubtful about this installation, and refuse one that cannot work."""
    _holder[:] = [sender]
    # What it fetches is known by its name, to whoever comes under it.
    options = conf["broker_transport_options"]
    conf["broker_transport_options"] = {**options, "worker": sender}
    # What Celery warns root of is pickle, which nothing here reads.
    warnings.filterwarnings("ignore", category=SecurityWarning)
    configure_logging(settings().log.level, as_json=settings().log.as_json)
    refuse_to_start(conf)


# Celery keeps weak references: these functions live as long as the module.
signals.celeryd_init.connect(_begin)
signals.setup_logging.connect(take_over)
signals.worker_process_shutdown.connect(close)
