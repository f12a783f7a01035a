"""Kill workers under load and count the messages that are nowhere afterwards.

`python -m tests.faults.transport_kills --kills 30 --pool threads --transport atomic` kills one
worker after the other by SIGKILL and looks, after every kill, for each message that was sent: it
has been worked off, or waits in a queue, or is noted as unacknowledged. What is in none of these
places is lost. Then it measures how many tasks that do nothing a worker does in a second.
"""

import argparse
import base64
import json
import random
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from typing import Any

import redis

from tests.faults.conftest import Valkey
from tests.faults.messages import message_of
from tests.faults.nursery import Nursery, nursery
from tests.faults.transport_app import DONE, QUEUES
from tests.faults.workers import a_server
from tests.waiting import eventually

__all__ = ["Losses", "Rate", "killed_under_load", "rate"]

_CONCURRENCY = {"prefork": 4, "threads": 16, "gevent": 100}
_SENT_AT_ONCE = 6_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Losses:
    """What became of the messages: how many were sent, done and lost, over how many kills."""

    kills: int
    sent: int
    done: int
    lost: int
    kills_with_loss: int


def _send(client: redis.Redis, task: str, numbers: range) -> None:
    for queue, start in zip(QUEUES, numbers[:2], strict=True):
        own = range(start, numbers.stop, 2)
        client.lpush(queue, *(message_of(task, number, queue=queue) for number in own))


def _numbers(texts: Iterator[Any]) -> set[int]:
    return {json.loads(base64.b64decode(json.loads(text)["body"]))[0][0] for text in texts}


def _accounted(client: redis.Redis) -> set[int]:
    """Give the numbers of all messages that are somewhere."""
    waiting = _numbers(text for queue in QUEUES for text in client.lrange(queue, 0, -1))
    held = _numbers(json.dumps(json.loads(text)[0]) for text in client.hvals("unacked"))
    done = {int(number) for number in client.smembers(DONE)}
    return waiting | held | done


def _workers(server: Valkey, transport: str, pool: str) -> AbstractContextManager[Nursery]:
    return nursery(
        "tests.faults.transport_app",
        (f"--pool={pool}", f"--concurrency={_CONCURRENCY[pool]}", f"--queues={','.join(QUEUES)}"),
        {"TRANSPORT_URL": server.url, "TRANSPORT_KIND": transport},
        server.home / "worker.log",
    )


def killed_under_load(
    *, transport: str, pool: str, kills: int, seed: int, within_s: float = 3600.0
) -> Losses:
    """Kill a worker `kills` times in the middle of its work, fewer times when the time is over.

    Gives what was lost.
    """
    rng, sent, lost_before, with_loss = random.Random(seed), 0, 0, 0
    done, end_s = 0, time.monotonic() + within_s
    with (
        a_server() as server,
        redis.Redis.from_url(server.url) as client,
        _workers(server, transport, pool) as worker,
    ):
        while done < kills and time.monotonic() < end_s:
            done += 1
            if client.llen(QUEUES[0]) < _SENT_AT_ONCE:
                _send(client, "mark", range(sent, sent + _SENT_AT_ONCE))
                sent += _SENT_AT_ONCE
            _kill_at_work(worker, client, rng.uniform(0.0, 0.3))
            lost = sent - len(_accounted(client))
            with_loss += lost > lost_before
            lost_before = lost
        return Losses(
            kills=done,
            sent=sent,
            done=int(client.scard(DONE)),
            lost=lost_before,
            kills_with_loss=with_loss,
        )


def _kill_at_work(worker: Nursery, client: redis.Redis, after_s: float) -> None:
    goal = int(client.scard(DONE)) + 100
    worker.start()
    at_work = eventually(lambda: int(client.scard(DONE)) >= goal, within_s=120, every_s=0.002)
    assert at_work, worker.said()[-3000:]
    time.sleep(after_s)
    worker.kill()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """How quick a worker was, and the processor time that a task took, which other work on the
    machine hardly changes."""

    tasks_per_s: int
    cpu_ms_per_task: float


def rate(*, transport: str, pool: str, tasks: int) -> Rate:
    """Measure one worker on tasks that do nothing, from the hundredth to the last."""
    with (
        a_server() as server,
        redis.Redis.from_url(server.url) as client,
        _workers(server, transport, pool) as worker,
    ):
        _send(client, "nothing", range(tasks))

        def left() -> int:
            return sum(int(client.llen(queue)) for queue in QUEUES) + int(client.hlen("unacked"))

        worker.start()
        assert eventually(lambda: left() < tasks - 100, within_s=120), worker.said()[-3000:]
        began, began_s, cpu_s = left(), time.perf_counter(), worker.cpu_s()
        assert eventually(lambda: left() == 0, within_s=180), worker.said()[-3000:]
        took_s, took_cpu_s = time.perf_counter() - began_s, worker.cpu_s() - cpu_s
        return Rate(
            tasks_per_s=round(began / took_s), cpu_ms_per_task=round(1000 * took_cpu_s / began, 3)
        )


def main() -> int:
    """Do it for one pool and one transport; the exit code is 1 when a message was lost."""
    asked = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    asked.add_argument("--kills", type=int, default=30, help="0: measure the rate alone")
    asked.add_argument("--within", type=float, default=3600.0, help="seconds for all kills")
    asked.add_argument("--pool", choices=sorted(_CONCURRENCY), default="threads")
    asked.add_argument("--transport", choices=["atomic", "stock"], default="atomic")
    asked.add_argument("--seed", type=int, default=1)
    asked.add_argument("--tasks", type=int, default=6_000, help="to measure the rate with; 0: none")
    given = asked.parse_args()
    found: dict[str, Any] = {}
    if given.kills:
        losses = killed_under_load(
            transport=given.transport,
            pool=given.pool,
            kills=given.kills,
            seed=given.seed,
            within_s=given.within,
        )
        found |= asdict(losses)
    if given.tasks:
        found |= asdict(rate(transport=given.transport, pool=given.pool, tasks=given.tasks))
    named = {"pool": given.pool, "transport": given.transport, "seed": given.seed}
    print(json.dumps(named | found))  # noqa: T201
    return 1 if found.get("lost") else 0


if __name__ == "__main__":
    sys.exit(main())
