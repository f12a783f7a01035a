"""Send a request's message in one command, where it asks for nothing that only Celery can do.

What Celery does for every message, finding a producer, a channel, an exchange and a queue, takes
longer than all else about a single request. The message is the same to the byte that matters:
Celery's protocol, version 2, as Kombu lays it into a list of Redis.
"""

import os
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any
from uuid import uuid4

import redis
from celery import signals
from celery.utils.nodenames import anon_nodename
from kombu.utils.json import dumps
from redis.backoff import NoBackoff
from redis.retry import Retry

from enrich.domain.celery_message import content_of, message_text
from enrich.embedded import redis_url
from enrich.state.wire import Wire
from tasks.traces import carried
from tasks.transport import plain_url

__all__ = ["is_plain", "send_all", "send_plain", "shown_of"]

#: A caller is not kept for longer: once to connect, once to send.
_PATIENCE_S = 0.9
_PLAIN = frozenset({"ignore_result", "task_id", "headers"})
#: So much of a table's name.
_SHOWN = 100
_SIGNALS = (signals.before_task_publish, signals.after_task_publish)


def is_plain(task: Any, options: Mapping[str, Any]) -> bool:
    """Say whether a message may go this way.

    Whoever has said how Celery is to send, or listens to its sending, is obeyed.
    """
    if options.keys() - _PLAIN or task.app.current_worker_task is not None:
        return False
    return _is_short(task.app)


def _is_short(app: Any) -> bool:
    conf = app.conf
    if any(signal.receivers for signal in _SIGNALS):
        return False
    if conf.task_always_eager or conf.task_send_sent_event or conf.task_compression:
        return False
    # The broker is the Redis whose results we know how to reach, without names of its own.
    transport = conf.broker_transport_options
    is_own = plain_url(conf.broker_write_url) == conf.result_backend
    return is_own and "global_keyprefix" not in transport and "master_name" not in transport


def send_all(app: Any, task: str, queue: str, every: Sequence[Sequence[str]]) -> None:
    """Send a task once for each of these arguments, in one command; no result is kept.

    Raises what Celery and redis-py do.
    """
    if not every:
        return
    if not _is_short(app):
        for args in every:
            app.send_task(task, args, queue=queue, ignore_result=True, **carried())
        return
    headers = {"ignore_result": True, "origin": _origin(os.getpid())}
    headers |= {"argsrepr": "", "kwargsrepr": "", **carried().get("headers", {})}
    texts = [
        message_text(
            dumps(content_of(args, {})),
            task=task,
            task_id=str(uuid4()),
            tag=str(uuid4()),
            queue=queue,
            headers=headers,
        )
        for args in every
    ]
    _wire(app.conf.result_backend, os.getpid()).call("LPUSH", queue, *texts)


def send_plain(task: Any, args: Sequence[Any], kwargs: Mapping[str, Any], **options: Any) -> Any:
    """Send it; gives Celery's result. Raises redis-py's errors and `TypeError`."""
    task.__header__(*args, **kwargs)
    task_id = options.get("task_id") or str(uuid4())
    ignored = options.get("ignore_result", task.ignore_result)
    queue = _queue_of(task.app, task.name)
    text = message_text(
        dumps(content_of(args, kwargs)),
        task=task.name,
        task_id=task_id,
        tag=str(uuid4()),
        queue=queue,
        headers={
            "ignore_result": ignored,
            "origin": _origin(os.getpid()),
            **shown_of(args, kwargs),
            **(options.get("headers") or {}),
        },
    )
    if not ignored:
        # Before it is sent: the result may come at once.
        task.app.backend.on_task_call(None, task_id)
    _wire(task.app.conf.result_backend, os.getpid()).call("LPUSH", queue, text)
    result = task.AsyncResult(task_id)
    result.ignored = ignored
    return result


def shown_of(args: Sequence[Any], kwargs: Mapping[str, Any]) -> Mapping[str, str]:
    """Give what Flower shows: the table, and no row's key, which may be somebody's address."""
    table = str(args[0] if args else kwargs.get("table_id", ""))
    return {"argsrepr": f"table={table[:_SHOWN]}", "kwargsrepr": ""}


@cache
def _queue_of(app: Any, task: str) -> str:
    return str(app.amqp.router.route({}, task)["queue"].name)


@cache
def _origin(_pid: int) -> str:
    return str(anon_nodename())


@cache
def _wire(result_backend: str, _pid: int) -> Wire:
    # One a process: a fork must not share a connection.
    pool = redis.ConnectionPool.from_url(
        redis_url(result_backend),
        socket_timeout=_PATIENCE_S,
        socket_connect_timeout=_PATIENCE_S,
        retry=Retry(NoBackoff(), 0),
        protocol=2,
        driver_info=None,
    )
    return Wire(pool)
