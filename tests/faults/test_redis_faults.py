"""The faults F18 to F35, where they touch the cache, the leases and the budgets.

F18 is C21, F25 is C23, both in test_cache_faults.py.
Not here: F19, F20, F29 what is submitted meanwhile · F23 the broker
"""

import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from enrich.domain.policy import SingleflightPolicy
from enrich.ports import BudgetsAway, Reservation
from enrich.state.budget import RedisBudgets
from enrich.state.leases import RedisLeases
from enrich.state.leases_fallback import FallbackLeases
from enrich.state.leases_memory import MemoryLeases
from enrich.state.link import (
    FALLBACKS_TOTAL,
    FAULTS_TOTAL,
    SKIPPED_TOTAL,
    LinkAwayError,
    RedisLink,
)
from tests.contract.shared_world import HandClock, Sums, ValkeyTime
from tests.faults.caches import HandTime, Worker
from tests.faults.conftest import Valkey
from tests.faults.proxy import Proxy
from tests.waiting import eventually

pytestmark = pytest.mark.servers

_PATIENCE_S = 30.0
_POLICY = SingleflightPolicy()
_NAMES = [f"n{number}" for number in range(100)]


@pytest.fixture
def link(valkey: Valkey) -> Iterator[RedisLink]:
    with closing(RedisLink(valkey.url, timeout_s=_PATIENCE_S)) as link:
        yield link


@pytest.fixture
def time() -> HandTime:
    return HandTime()


@pytest.fixture
def far_link(proxy: Proxy, time: HandTime) -> Iterator[RedisLink]:
    """A link through the proxy whose time stands still."""
    with closing(RedisLink(proxy.url, now_s=time, timeout_s=_PATIENCE_S)) as link:
        yield link


@pytest.fixture
def worker(proxy: Proxy, request: pytest.FixtureRequest) -> Iterator[Worker]:
    """A worker behind the proxy with a hundred entries, each of which holds its own name.

    Its link tries again at each call, so that a switch that opened hides no fault.
    """
    timeout_s = getattr(request, "param", _PATIENCE_S)
    worker = Worker(proxy.url, now_s=HandTime(step_s=10.0), timeout_s=timeout_s)
    for name in _NAMES:
        worker.put(name, name)
    yield worker
    worker.link.close()


def fallback_leases(link: RedisLink, sums: Sums | None = None) -> FallbackLeases:
    memory = MemoryLeases(_POLICY, clock=HandClock())
    return FallbackLeases(RedisLeases(link, _POLICY), memory, recorder=sums)


def look_up_all(worker: Worker, times: int) -> tuple[int, int]:
    """Look all names up, four at once; gives how many were found, and how many wrong."""
    found = wrong = 0
    for _ in range(times):
        for at in range(0, len(_NAMES), 4):
            hits = worker.cache.get_many("t", _NAMES[at : at + 4])
            found += len(hits)
            wrong += sum(hit.payload != name for name, hit in hits.items())
    return found, wrong


def test_f21_a_killed_server_that_restarts_is_used_again(valkey: Valkey) -> None:
    worker = Worker(valkey.url, now_s=HandTime(step_s=10.0))
    worker.put("a", 1)
    valkey.stop()
    worker.put("b", 2)

    valkey.start()

    assert eventually(lambda: worker.get("other") == "miss" and worker.link.available())
    assert (worker.in_redis("a"), worker.in_redis("b")) == ("miss", 2)
    worker.link.close()


def test_f22_a_server_that_comes_back_empty_gives_misses_and_higher_fences(
    valkey: Valkey, link: RedisLink
) -> None:
    leases = RedisLeases(link, _POLICY)
    first = leases.claim("t", ["a"], lease_s=60)

    valkey.admin.flushall()

    second = leases.claim("t", ["a"], lease_s=60)
    assert second.led["a"] > first.led["a"]
    assert leases.release("t", first) == frozenset()


def test_f22_a_budget_that_was_lost_is_restored_from_the_ledger(
    valkey: Valkey, link: RedisLink
) -> None:
    budgets = RedisBudgets(link, clock=HandClock())
    held = budgets.reserve("t", {"run": 10}, 7, hold_s=60)
    assert isinstance(held, Reservation)
    budgets.commit("t", held, 7)
    valkey.admin.flushall()

    budgets.restore("t", {"run": 7})

    assert budgets.spent("t", ["run"]) == {"run": (7, 0)}


def test_f24_refused_the_cache_asks_once_and_serves_from_memory(proxy: Proxy) -> None:
    worker = Worker(proxy.url, now_s=HandTime())
    proxy.refuse()
    for name in _NAMES:
        worker.put(name, name)

    found, wrong = look_up_all(worker, 10)

    assert (found, wrong) == (1000, 0)
    assert worker.sums.total(FAULTS_TOTAL) == 1


@pytest.mark.parametrize(
    ("delay_s", "timeout_s", "found"),
    [pytest.param(0.1, _PATIENCE_S, 1, id="slow"), pytest.param(60.0, 0.25, "miss", id="too-slow")],
)
def test_f26_a_slow_server_is_used_or_skipped(
    proxy: Proxy, worker: Worker, delay_s: float, timeout_s: float, found: object
) -> None:
    worker.put("a", 1)
    proxy.faults.delay_s = delay_s
    another = Worker(proxy.url, now_s=HandTime(), timeout_s=timeout_s)

    seen = {another.get("a") for _ in range(5)}

    assert seen == {found}
    assert eventually(lambda: proxy.done["delayed"] >= 1)
    another.link.close()


def test_f27_resets_in_the_middle_of_replies_give_misses_and_no_wrong_value(
    worker: Worker, proxy: Proxy
) -> None:
    proxy.faults.reset_share = 0.1

    found, wrong = look_up_all(worker, 100)

    assert wrong == 0
    assert found > 7000
    assert proxy.done["reset"] > 150


# Of a reply whose length was damaged the rest never comes.
@pytest.mark.parametrize("worker", [0.05], ids=["hasty"], indirect=True)
def test_f28_corrupt_bytes_give_misses_and_no_wrong_value(worker: Worker, proxy: Proxy) -> None:
    proxy.faults.corrupt_share = 0.002

    found, wrong = look_up_all(worker, 100)

    assert wrong == 0
    assert found > 1000
    assert worker.shared.stats().corrupt > 100
    assert proxy.done["corrupted"] > 500


def test_replies_in_single_bytes_are_read_whole(proxy: Proxy) -> None:
    worker = Worker(proxy.url)
    worker.put("a", "x" * 1000)
    proxy.faults.slice_bytes = 1

    assert worker.get("a") == "x" * 1000
    assert proxy.done["pieces"] > 1000
    worker.link.close()


def test_f30_a_full_cache_server_evicts_and_nobody_notices(valkey: Valkey) -> None:
    worker = Worker(valkey.url)
    used = int(valkey.admin.info("memory")["used_memory"])  # type: ignore[index]
    valkey.admin.config_set("maxmemory-policy", "allkeys-lru")
    valkey.admin.config_set("maxmemory", used + 2_000_000)

    for number in range(300):
        worker.put(f"n{number}", "x" * 20_000)

    assert int(valkey.admin.info("stats")["evicted_keys"]) > 0  # type: ignore[index]
    assert worker.sums.total(FALLBACKS_TOTAL) == 0
    assert worker.get("n299") == "x" * 20_000
    worker.link.close()


def test_f31_leases_lost_in_a_failover_leave_the_fence_to_decide(
    valkey: Valkey, link: RedisLink
) -> None:
    leases = RedisLeases(link, _POLICY)
    first = leases.claim("t", ["a"], lease_s=60)
    valkey.admin.flushdb()
    second = leases.claim("t", ["a"], lease_s=60)

    lost, kept = leases.renew("t", first, lease_s=60), leases.renew("t", second, lease_s=60)

    assert (lost, kept) == (frozenset(), {"a"})
    assert second.led["a"] > first.led["a"]


def test_f32_connections_that_are_killed_are_made_anew(valkey: Valkey) -> None:
    worker = Worker(valkey.url, now_s=HandTime())
    worker.put("a", 1)
    admin = valkey.admin

    seen = []
    for _ in range(100):
        admin.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        seen.append(worker.get("a"))

    # A killed idle connection is noticed before it is used.
    assert seen == [1] * 100
    assert worker.sums.total(SKIPPED_TOTAL) == 0
    worker.link.close()


def test_f33_a_waiter_whose_subscription_was_cut_polls(valkey: Valkey, link: RedisLink) -> None:
    leases, admin, ended = RedisLeases(link, _POLICY), valkey.admin, []
    claim = leases.claim("t", ["a"], lease_s=60)
    waiter = threading.Thread(
        target=lambda: ended.append(leases.wait("t", ["a"], timeout_s=60)), daemon=True
    )
    waiter.start()
    assert eventually(lambda: bool(admin.pubsub_channels()))

    killed = admin.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
    leases.release("t", claim)
    waiter.join()

    assert killed == 1
    assert ended == [{"a": ""}]


def test_f34_scripts_that_the_server_forgot_are_sent_again(valkey: Valkey) -> None:
    worker = Worker(valkey.url, now_s=HandTime())
    worker.put("a", 1)

    valkey.admin.script_flush()

    assert worker.get("a") == 1
    assert worker.sums.total(FAULTS_TOTAL) == 0
    worker.link.close()


@pytest.mark.parametrize("jump_s", [3600, -3600], ids=["ahead", "back"])
def test_f35_after_the_servers_clock_jumped_fences_still_rise(link: RedisLink, jump_s: int) -> None:
    time = ValkeyTime(link)
    leases = RedisLeases(link, _POLICY, version=time.version)
    first = leases.claim("t", ["a"], lease_s=60)
    leases.release("t", first)
    # As the server would have left it, had its clock stood there at the first claim.
    (counter,) = time.present()
    jumped = first.led["a"] - jump_s * 1000 * 1024
    link.do(lambda client: client.set(counter, jumped, keepttl=True))

    second = leases.claim("t", ["a"], lease_s=60)

    assert second.led["a"] > max(jumped, first.led["a"] - 1)


def test_f35_an_hour_that_passes_at_once_ends_leases_and_nothing_hangs(link: RedisLink) -> None:
    time = ValkeyTime(link)
    leases = RedisLeases(link, _POLICY, version=time.version)
    first = leases.claim("t", ["a"], lease_s=60)

    time.pass_s(3600)

    second = leases.claim("t", ["a"], lease_s=60)
    assert second.led["a"] > first.led["a"]
    assert leases.release("t", first) == frozenset()


def test_d17_without_redis_one_thread_of_the_process_leads(
    far_link: RedisLink, proxy: Proxy
) -> None:
    sums = Sums()
    leases = fallback_leases(far_link, sums)
    proxy.refuse()

    first, second = (leases.claim("t", ["a"], lease_s=60) for _ in range(2))

    assert (first.led.keys(), second.held) == ({"a"}, {"a"})
    assert leases.renew("t", first, lease_s=60) == {"a"}
    assert leases.release("t", first) == {"a"}
    assert leases.wait("t", ["a"], timeout_s=60) == {"a": ""}
    assert sums.total(FALLBACKS_TOTAL, part="leases") == 3


def test_d17_a_leader_whose_redis_went_away_goes_on(far_link: RedisLink, proxy: Proxy) -> None:
    leases = fallback_leases(far_link)
    claim = leases.claim("t", ["a"], lease_s=60)

    proxy.refuse()

    assert leases.renew("t", claim, lease_s=60) == {"a"}
    assert leases.release("t", claim) == frozenset()


def test_d17_a_claim_made_here_is_released_here_when_redis_is_back(
    far_link: RedisLink, proxy: Proxy, time: HandTime
) -> None:
    leases = fallback_leases(far_link)
    proxy.refuse()
    claim = leases.claim("t", ["a"], lease_s=60)
    proxy.accept()
    time.at_s += 1.0

    assert leases.release("t", claim) == {"a"}


def test_d18_a_waiter_whose_redis_goes_away_is_told_to_claim_again(
    far_link: RedisLink, proxy: Proxy, valkey: Valkey
) -> None:
    leases, ended = fallback_leases(far_link), []
    leases.claim("t", ["a"], lease_s=60)
    waiter = threading.Thread(
        target=lambda: ended.append(leases.wait("t", ["a"], timeout_s=60)), daemon=True
    )
    waiter.start()
    admin = valkey.admin
    assert eventually(lambda: bool(admin.pubsub_channels()))

    proxy.refuse()
    waiter.join()

    assert ended == [{"a": ""}]


def refuse(proxy: Proxy) -> None:
    proxy.refuse()


def swallow(proxy: Proxy) -> None:
    proxy.faults.blackhole = True


@pytest.mark.parametrize("fault", [refuse, swallow])
def test_without_redis_money_cannot_be_put_aside(
    proxy: Proxy, fault: Callable[[Proxy], None]
) -> None:
    clock = HandClock()
    fault(proxy)

    with closing(RedisLink(proxy.url, now_s=HandTime())) as link:
        got = RedisBudgets(link, clock=clock).reserve("t", {"run": 10}, 5, hold_s=60)

    assert isinstance(got, BudgetsAway)
    assert got.retry_at > clock.now()


def test_what_was_spent_while_redis_was_away_is_counted_when_it_is_back(
    far_link: RedisLink, proxy: Proxy, time: HandTime
) -> None:
    budgets = RedisBudgets(far_link, clock=HandClock())
    held = budgets.reserve("t", {"run": 10}, 5, hold_s=60)
    assert isinstance(held, Reservation)
    proxy.refuse()
    budgets.commit("t", held, 4)
    proxy.accept()
    time.at_s += 1.0

    assert budgets.spent("t", ["run"]) == {"run": (4, 0)}


def refused(link: RedisLink, together: threading.Barrier) -> str:
    """Look up many keys at the same time as others; gives why that could not be done."""
    together.wait()
    with pytest.raises(LinkAwayError) as caught:
        link.run("cache_get", keys=[f"k{number}" for number in range(200)], args=[1])
    return caught.value.reason


def connections(listener: socket.socket) -> int:
    """Count who has connected so far."""
    listener.setblocking(False)
    count = 0
    while True:
        try:
            listener.accept()[0].close()
        except BlockingIOError:
            return count
        count += 1


def test_only_few_calls_about_many_keys_wait_for_a_server_that_is_silent() -> None:
    together = threading.Barrier(12)
    with (
        socket.create_server(("127.0.0.1", 0), backlog=64) as silent,
        ThreadPoolExecutor(12) as pool,
    ):
        url = f"redis://127.0.0.1:{silent.getsockname()[1]}"
        with closing(RedisLink(url, timeout_s=0.2, now_s=lambda: 0.0)) as link:
            reasons = [*pool.map(lambda _: refused(link, together), range(12))]

        asked = connections(silent)
    assert 1 <= asked <= 4
    assert sorted(reasons) == ["away"] * asked + ["skipped"] * (12 - asked)
