"""Celery's settings, one line of reason each; the figures were measured on two cores."""

from collections.abc import Sequence
from typing import Any

from kombu import Queue

from enrich.bootstrap import endpoints, settings
from tasks.transport import atomic_url

__all__ = [
    "BULK",
    "CONTROL",
    "EXPRESS",
    "LOOK_UP_FIRST",
    "OBSERVE_EVERY_S",
    "QUEUES",
    "REQUESTS",
    "URGENT",
    "configuration",
    "worker_arguments",
]

#: For the steps of runs that somebody waits for.
URGENT = "enrich.urgent"
#: For what keeps the rest going.
CONTROL = "enrich.control"
#: For what callers ask.
_INGEST = "enrich.ingest"

#: In the order in which a worker drains them: what is waited for, then what ends a batch, then what
#: begins one.
#: The last is Celery's own default, for callers who send by name and name no queue.
QUEUES = (
    CONTROL,
    URGENT,
    "enrich.fuse",
    "enrich.premium",
    _INGEST,
    "enrich.probe",
    "celery",
)

#: The queues of a worker that is there for what is waited for, and those that are left to others.
EXPRESS = (CONTROL, URGENT, _INGEST, "celery")
BULK = tuple(queue for queue in QUEUES if queue not in EXPRESS)

#: The name of our own setting among Celery's: whether a wave is begun by a message of its own.
LOOK_UP_FIRST = "enrich_look_up_first"

_THREADS = 24
_SWEEP_EVERY_S = 15.0
_SCHEDULE_EVERY_S = 20.0
#: How often the numbers of all processes go to the log.
OBSERVE_EVERY_S = 60.0
_REPAIR_EVERY_S = 60.0
_REQUESTS_EVERY_S = 5.0
_LEARN_EVERY_S = 86_400.0
_REFRESH_EVERY_S = 86_400.0
_LEDGER_EVERY_S = 21_600.0

_ROUTES = {
    "enrich.cell": _INGEST,
    "enrich.row": _INGEST,
    "enrich.rows": _INGEST,
    "enrich.table": _INGEST,
    "enrich.begin": "enrich.probe",
    "enrich.probe": "enrich.probe",
    "enrich.fuse": "enrich.fuse",
    "enrich.premium": "enrich.premium",
    "enrich.embed": URGENT,
    "enrich.embed_repair": CONTROL,
    "enrich.ended": CONTROL,
    "enrich.notify": CONTROL,
    "enrich.sweep": CONTROL,
    "enrich.learn": CONTROL,
    "enrich.ledger": CONTROL,
    "enrich.refresh": CONTROL,
    "enrich.observe": CONTROL,
    "enrich.requests": CONTROL,
    "enrich.schedule": CONTROL,
}

#: The tasks that are for callers.
REQUESTS = tuple(name for name, queue in _ROUTES.items() if queue == _INGEST)

#: What beat sends, and how often.
_EVERY_S = {
    "sweep": _SWEEP_EVERY_S,
    "notify": _SWEEP_EVERY_S,
    "embed_repair": _REPAIR_EVERY_S,
    "observe": OBSERVE_EVERY_S,
    "requests": _REQUESTS_EVERY_S,
    "schedule": _SCHEDULE_EVERY_S,
    "learn": _LEARN_EVERY_S,
    "ledger": _LEDGER_EVERY_S,
    "refresh": _REFRESH_EVERY_S,
}


def configuration() -> dict[str, Any]:
    """Build the settings; starts the embedded servers when no address is set."""
    broker_url = endpoints().celery_broker_url
    delivery = _delivery(broker_url, is_atomic=settings().broker.transport == "atomic")
    return _messages() | delivery | _results(broker_url) | _watching() | _schedule()


def _messages() -> dict[str, Any]:
    return {
        # JSON only: a pickle in a message would be code that runs here.
        "accept_content": ["json"],
        "result_accept_content": ["json"],
        "task_serializer": "json",
        "result_serializer": "json",
        "task_default_queue": _INGEST,
        "task_queues": [Queue(name, routing_key=name) for name in QUEUES],
        "task_routes": {name: {"queue": queue} for name, queue in _ROUTES.items()},
        "task_create_missing_queues": False,
        # A worker from before that message would park it.
        LOOK_UP_FIRST: settings().runs.look_up_first,
        # What no task can be made of is parked with its reason instead of dropped.
        "worker_consumer": "tasks.parking:ParkingConsumer",
    }


def _delivery(broker_url: str, *, is_atomic: bool) -> dict[str, Any]:
    return {
        # What a killed worker had fetched must not be lost; Kombu's own transport may lose it.
        "broker_url": atomic_url(broker_url) if is_atomic else broker_url,
        # A task that a dead worker held is delivered again; every task is idempotent.
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        # The sweep is what saves a batch, so a worker need not hold many messages: 1 stalls less
        # work when it dies, 2 keeps the threads busy.
        "worker_prefetch_multiplier": 2,
        "broker_connection_retry_on_startup": True,
        # None means for ever: a worker that gives up helps nobody.
        "broker_connection_max_retries": None,
        "broker_transport_options": {
            # Above the longest task with its wait in the prefetch, and above a chord's claim.
            "visibility_timeout": 120,
            "unacked_restore_interval": 5,
            "unacked_restore_throttle": 1,
            "max_connections": 256,
            "socket_connect_timeout": 3,
            "socket_keepalive": True,
            "queue_order_strategy": "priority",
        },
    }


def _results(result_backend: str) -> dict[str, Any]:
    return {
        "result_backend": result_backend,
        # Twice the rate, and one known way to stall a chord is closed; requests ask for theirs.
        "task_ignore_result": True,
        # True loses the part of a chord that was delivered twice.
        "worker_deduplicate_successful_tasks": False,
        # One pool of connections instead of one per thread.
        "result_backend_thread_safe": True,
        "result_backend_always_retry": True,
        "result_expires": 3600,
        "result_chord_join_timeout": 3.0,
        "redis_socket_timeout": 10,
        "redis_socket_connect_timeout": 3,
    }


def _watching() -> dict[str, Any]:
    return {
        # Events cost a third of the rate; whoever wants them starts the worker with --task-events.
        "worker_send_task_events": False,
        "task_send_sent_event": False,
        # Our own logging: one event a line.
        "worker_hijack_root_logger": False,
    }


def _schedule() -> dict[str, Any]:
    return {
        "beat_schedule": {
            name: {
                "task": f"enrich.{name}",
                "schedule": every_s,
                # One that waited for longer has been overtaken by the next.
                "options": {"expires": every_s},
            }
            for name, every_s in _EVERY_S.items()
        },
        "beat_scheduler": "tasks.beat:HomeScheduler",
        "beat_schedule_filename": str(settings().home / "beat-schedule"),
        "timezone": "UTC",
        "enable_utc": True,
    }


def worker_arguments(*, threads: int = _THREADS, queues: Sequence[str] = QUEUES) -> list[str]:
    """Give the arguments after `celery -A tasks` for a worker, of all queues by default.

    A worker of `EXPRESS` beside others of `BULK` keeps what is waited for clear of long batches: a
    queue's place is of no use once all threads of a worker are taken.

    Threads wait for HTTP as well as gevent does, and lose no task when they are stopped. They know
    no time limits, so every call out has its own deadline.
    """
    return [
        "worker",
        "--pool=threads",
        f"--concurrency={threads}",
        f"--queues={','.join(queues)}",
        "--without-gossip",
        "--without-mingle",
        "--loglevel=INFO",
    ]
