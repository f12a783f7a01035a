"""A Celery application of two small tasks, to measure a transport with; its settings come by name.

`TRANSPORT_URL` is the broker in redis-py's form, `TRANSPORT_KIND` is atomic or stock.
"""

import os

import redis
from celery import Celery

from enrich.embedded import celery_url
from tasks.transport import atomic_url

__all__ = ["DONE", "QUEUES", "STARTED", "app"]

QUEUES = ("first", "second")
DONE, STARTED = "marks:done", "marks:started"

_URL = os.environ.get("TRANSPORT_URL", "redis://127.0.0.1:6379/0")
_IS_ATOMIC = os.environ.get("TRANSPORT_KIND", "atomic") == "atomic"
_marks = redis.Redis.from_url(_URL, max_connections=256)

app = Celery("transport_app")
app.conf.update(
    broker_url=atomic_url(celery_url(_URL)) if _IS_ATOMIC else celery_url(_URL),
    task_acks_late=True,
    task_ignore_result=True,
    worker_prefetch_multiplier=2,
    worker_hijack_root_logger=False,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    task_create_missing_queues=True,
    broker_transport_options={
        "visibility_timeout": int(os.environ.get("TRANSPORT_VISIBLE_S", "120")),
        "unacked_restore_interval": 1,
        "unacked_restore_throttle": 1,
        "max_connections": 256,
        "queue_order_strategy": os.environ.get("TRANSPORT_ORDER", "round_robin"),
    },
)


@app.task(name="mark")
def mark(number: int) -> None:
    """Note that a message has been worked off."""
    _marks.sadd(DONE, number)


@app.task(name="nothing")
def nothing(number: int) -> None:
    """Do nothing with it."""


@app.task(name="hold")
def hold(key: str) -> None:
    """Note the beginning, and hold on until a key is there; then note the end."""
    _marks.sadd(STARTED, key)
    while _marks.blpop([key], timeout=1) is None:
        pass
    _marks.sadd(DONE, key)
