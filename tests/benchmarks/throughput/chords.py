"""Celery as most write it: a chord for every cell or row on the stock transport, results stored.

`celery -A tests.benchmarks.throughput.chords worker`
"""

import os
import time
from typing import Any

from celery import Celery, chord

from tests.benchmarks.throughput.peers import fused, write_row
from tests.benchmarks.throughput.vendors import FIELDS, LATENCY_S, NAMES, known_of

__all__ = ["app", "by_cell", "by_row"]

#: The variable that holds the address of the queue, in Celery's form.
_BROKER = "BENCH_CELERY_URL"

_url = os.environ.get(_BROKER, "")
app = Celery("chords", broker=_url, backend=_url)
app.conf.update(
    task_acks_late=True, task_default_queue="chords", broker_connection_retry_on_startup=True
)


@app.task
def ask(vendor: str, company: str, fields: list[str]) -> dict[str, Any]:
    """Ask a provider."""
    time.sleep(LATENCY_S)
    known = known_of(vendor, company)
    return {vendor: {field: known[field] for field in fields}}


@app.task(ignore_result=True)
def join(said: list[dict[str, dict[str, Any]]], number: int) -> None:
    """Fuse and write."""
    write_row(number, fused({vendor: found for each in said for vendor, found in each.items()}))


def by_row(rows: list[tuple[int, str]]) -> None:
    """Send a chord a row."""
    for number, company in rows:
        _send(number, company, list(FIELDS))


def by_cell(rows: list[tuple[int, str]]) -> None:
    """Send a chord a cell."""
    for number, company in rows:
        for field in FIELDS:
            _send(number, company, [field])


def _send(number: int, company: str, fields: list[str]) -> None:
    chord([ask.s(name, company, fields) for name in NAMES])(join.s(number))
