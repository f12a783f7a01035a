"""Shared state among real processes that are killed, frozen and forked."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from multiprocessing.context import ForkServerProcess
from typing import Any

import pytest

from enrich.domain.policy import SingleflightPolicy
from enrich.ports import CacheEntry, Reservation
from enrich.state.budget import RedisBudgets
from enrich.state.leases import RedisLeases
from enrich.state.link import RedisLink
from enrich.state.singleflight import Flights
from tests.contract.shared_world import HandClock, ValkeyTime
from tests.integration.shared_children import (
    Worker,
    ask_in_threads,
    hold_for_ever,
    look_up,
    release_late,
    spend_all,
)

pytestmark = pytest.mark.servers

# Processes come from a server that has imported all they need, and nothing of pytest's.
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["tests.integration.shared_children"])
_PATIENCE_S = 100
_TWO_DAYS_S = 48 * 3600

Spawn = Callable[..., ForkServerProcess]


@pytest.fixture
def link(redis_url: str) -> Iterator[RedisLink]:
    link = RedisLink(redis_url, timeout_s=10)
    yield link
    link.close()


@pytest.fixture
def time(link: RedisLink) -> ValkeyTime:
    return ValkeyTime(link)


@pytest.fixture
def worker(redis_url: str, time: ValkeyTime) -> Iterator[Worker]:
    worker = Worker(redis_url, time.version)
    yield worker
    worker.link.close()


@pytest.fixture
def told() -> Any:
    return _FORKS.Queue()


@pytest.fixture
def spawn(redis_url: str, time: ValkeyTime, told: Any) -> Iterator[Spawn]:
    """Start processes; those that are left over are killed at the end."""
    started: list[ForkServerProcess] = []

    def start(target: Callable[..., None], *args: object, to: Any = told) -> ForkServerProcess:
        process = _FORKS.Process(target=target, args=(redis_url, time.version, *args, to))
        process.start()
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.join()
        process.close()
    told.close()
    told.join_thread()


@pytest.mark.parametrize(
    ("processes", "threads"), [(8, 5), (4, 25)], ids=["D01-8-times-5", "C15-4-times-25"]
)
def test_many_callers_in_many_processes_make_one_call(
    spawn: Spawn, told: Any, worker: Worker, processes: int, threads: int
) -> None:
    callers = processes * threads

    for _ in range(processes):
        spawn(ask_in_threads, threads, callers - 1)
    answers = [told.get(timeout=_PATIENCE_S)[0] for _ in range(callers)]

    assert answers == [1] * callers
    assert worker.calls() == 1


def test_d03_d07_a_killed_leader_has_one_successor(spawn: Spawn, told: Any, worker: Worker) -> None:
    # A queue of its own: who is killed may hold the lock of the one it writes to.
    last_words = _FORKS.Queue()
    spawn(hold_for_ever, 1.0, to=last_words)
    pid, _ = last_words.get(timeout=_PATIENCE_S)
    os.kill(pid, signal.SIGKILL)

    for _ in range(2):
        spawn(ask_in_threads, 10, 0)
    answers = [told.get(timeout=_PATIENCE_S)[0] for _ in range(20)]

    assert answers == [2] * 20
    assert worker.calls() == 2
    last_words.close()


def test_d04_a_leader_that_was_frozen_past_its_lease_has_lost_it(
    spawn: Spawn, told: Any, worker: Worker
) -> None:
    spawn(release_late, 0.5)
    pid, old_fence = told.get(timeout=_PATIENCE_S)
    os.kill(pid, signal.SIGSTOP)
    worker.leases.wait("t", ["q"], timeout_s=_PATIENCE_S)
    successor = worker.leases.claim("t", ["q"], lease_s=60)
    worker.call()

    os.kill(pid, signal.SIGCONT)
    renewed, released = told.get(timeout=_PATIENCE_S)

    assert (renewed, released) == (frozenset(), frozenset())
    assert successor.led["q"] > old_fence
    assert worker.leases.release("t", successor) == {"q"}


def test_c44_the_counts_of_four_processes_add_up(spawn: Spawn, told: Any, worker: Worker) -> None:
    worker.cache.put_many("t", {"known": CacheEntry(payload=1, ttl_s=3600)})

    for _ in range(4):
        spawn(look_up, 250)
    first, *others = [told.get(timeout=_PATIENCE_S) for _ in range(4)]

    total = sum(others, start=first)
    assert (total.hits, total.misses, total.hit_rate) == (1000, 1000, 0.5)


def test_sixteen_processes_spend_a_budget_to_the_unit(
    spawn: Spawn, told: Any, redis_url: str, link: RedisLink, time: ValkeyTime
) -> None:
    for seed in range(16):
        spawn(spend_all, 20_000, seed)
    spent = [told.get(timeout=_PATIENCE_S) for _ in range(16)]

    budgets = RedisBudgets(link, clock=HandClock(), version=time.version)
    assert sum(spent) == 20_000
    assert budgets.spent("t", ["run", "day"]) == {"run": (20_000, 0), "day": (20_000, 0)}


@pytest.mark.parametrize("count", [20_000, pytest.param(100_000, marks=pytest.mark.proof)])
def test_d26_very_many_names_leave_no_lease_behind(
    link: RedisLink, time: ValkeyTime, count: int
) -> None:
    leases = RedisLeases(link, SingleflightPolicy(), version=time.version)
    names = [f"n{number}" for number in range(count)]
    leases.release("t", leases.claim("t", names[::2], lease_s=3600), error="x")
    leases.claim("t", names[1::2], lease_s=3600)
    before = len(time.present())

    time.pass_s(3601)

    assert before > count // 2
    assert [key for key in time.present() if b":fence:" not in key] == []


def test_two_thousand_reservations_leave_no_hold_behind(link: RedisLink, time: ValkeyTime) -> None:
    budgets = RedisBudgets(link, clock=HandClock(), version=time.version)
    for number in range(2000):
        held = budgets.reserve("t", {"run": 10**9}, 1, hold_s=600)
        assert isinstance(held, Reservation)
        _commit_every_other(budgets, held, number)
    time.pass_s(_TWO_DAYS_S + 1)

    budgets.commit("t", _reserved(budgets), 1)

    sizes = {key.split(b":")[2]: _size(link, key) for key in time.present()}
    assert sizes == {b"budget": 2, b"budget-ended": 1}


def _commit_every_other(budgets: RedisBudgets, held: Reservation, number: int) -> None:
    if number % 2:
        budgets.commit("t", held, 1)


def _reserved(budgets: RedisBudgets) -> Reservation:
    held = budgets.reserve("t", {"run": 10**9}, 1, hold_s=600)
    assert isinstance(held, Reservation)
    return held


def _size(link: RedisLink, key: bytes) -> int:
    kind = link.do(lambda client: client.type(key))
    return int(link.do(lambda c: c.hlen(key) if kind == b"hash" else c.zcard(key)))


# Python 3.12 and later warn of what is tested here.
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_s22_a_forked_process_has_calls_and_connections_of_its_own(link: RedisLink) -> None:
    flights, begun, go_on = Flights(), threading.Event(), threading.Event()
    leader = threading.Thread(
        target=flights.do, args=("k", lambda: (begun.set(), go_on.wait(100))), daemon=True
    )
    leader.start()
    assert begun.wait(60)
    mine = link.do(lambda client: client.client_id())
    reader, writer = multiprocessing.Pipe(duplex=False)

    child = multiprocessing.get_context("fork").Process(
        target=_tell_from_a_fork, args=(flights, link, writer), daemon=True
    )
    # As if another thread of the parent were in the middle of a call.
    with link._mine().switch._lock:
        child.start()
    assert reader.poll(60)
    value, its = reader.recv()
    child.join()
    go_on.set()
    leader.join()

    assert value == "its own"
    assert its != mine
    assert link.do(lambda client: client.client_id()) == mine


def _tell_from_a_fork(flights: Flights, link: RedisLink, writer: Any) -> None:
    value = flights.do("k", lambda: "its own").value
    writer.send((value, link.do(lambda client: client.client_id())))
