"""One suite for the leases in memory and in Valkey.

Elsewhere:  D01, D03, D04, D07 tests/integration/test_shared_state.py, with real processes ·
            D10, D17, D18 tests/faults · D08 tests/unit/test_leases.py
Not here:   D05, D19 the fence of a row is checked by the store when it writes
            D12  nothing renews but the working task itself, so no renewal outlives it
            D15  a server that comes back empty is F22; the fence after it is D16, here
            D20  the engine turns a wait that ended without an answer into a retry
            D23  only errors travel with a release; results lie in the cache, whatever their size
            D25  the engine leaves out the cache, and still claims
"""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import pytest

from enrich.domain.policy import SingleflightPolicy
from enrich.state.leases import RedisLeases
from enrich.state.leases_memory import MemoryLeases
from enrich.state.link import RedisLink
from tests.contract.shared_world import MemoryTime, ValkeyTime

AnyLeases: TypeAlias = RedisLeases | MemoryLeases


@dataclass(slots=True)
class World:
    """The leases of one memory or one server, as each worker sees them."""

    time: MemoryTime | ValkeyTime
    memory: MemoryLeases | None = None

    def leases(self, **own: Any) -> AnyLeases:
        policy = SingleflightPolicy(**own)
        if isinstance(self.time, ValkeyTime):
            return RedisLeases(self.time.link, policy, version=self.time.version)
        self.memory = MemoryLeases(policy, clock=self.time.clock)
        return self.memory

    def left_behind(self) -> int:
        """Count what lies there, the one counter of fences not counted."""
        if isinstance(self.time, ValkeyTime):
            return sum(b":fence:" not in key for key in self.time.present())
        return len(self.memory or ())


@pytest.fixture(
    params=["memory", pytest.param("valkey", marks=pytest.mark.servers)], ids=["memory", "valkey"]
)
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    if request.param == "memory":
        yield World(MemoryTime())
        return
    link = RedisLink(request.getfixturevalue("redis_url"))
    yield World(ValkeyTime(link))
    link.close()


def test_the_first_to_claim_leads_and_the_next_waits(world: World) -> None:
    leases = world.leases()

    first = leases.claim("t", ["a", "b"], lease_s=10)
    second = leases.claim("t", ["b", "c"], lease_s=10)

    assert (first.led.keys(), first.held) == ({"a", "b"}, frozenset())
    assert (second.led.keys(), second.held) == ({"c"}, {"b"})


@pytest.mark.parametrize("ending", ["released", "ran out"])
def test_d02_the_fence_of_the_next_leader_is_higher(world: World, ending: str) -> None:
    leases = world.leases()
    first = leases.claim("t", ["a"], lease_s=10)
    {"released": lambda: leases.release("t", first), "ran out": lambda: world.time.pass_s(11)}[
        ending
    ]()

    second = leases.claim("t", ["a"], lease_s=10)

    assert second.led["a"] > first.led["a"]


def test_d03_a_lease_that_ran_out_is_free_and_not_before(world: World) -> None:
    leases = world.leases()
    leases.claim("t", ["a"], lease_s=10)
    world.time.pass_s(9.5)
    early = leases.claim("t", ["a"], lease_s=10)
    world.time.pass_s(1)

    late = leases.claim("t", ["a"], lease_s=10)

    assert (early.led, late.led.keys()) == ({}, {"a"})


def test_d04_a_leader_that_comes_back_too_late_has_nothing_to_release(world: World) -> None:
    leases = world.leases()
    frozen = leases.claim("t", ["a", "b"], lease_s=10)
    world.time.pass_s(11)
    successor = leases.claim("t", ["a"], lease_s=10)

    lost = leases.release("t", frozen)

    assert lost == frozenset()
    assert leases.renew("t", successor, lease_s=10) == {"a"}


def test_d06_waiters_share_the_error_of_the_leader(world: World) -> None:
    leases = world.leases()
    claim = leases.claim("t", ["a", "b"], lease_s=10)

    leases.release("t", claim, error="unavailable")

    assert leases.wait("t", ["a", "b"], timeout_s=5) == {"a": "unavailable", "b": "unavailable"}


def test_d06_an_error_is_not_told_to_who_waits_for_the_next_leader(world: World) -> None:
    leases = world.leases()
    leases.release("t", leases.claim("t", ["a"], lease_s=10), error="unavailable")

    leases.release("t", leases.claim("t", ["a"], lease_s=10))

    assert leases.wait("t", ["a"], timeout_s=5) == {"a": ""}


def test_d06_an_error_is_forgotten_after_a_while(world: World) -> None:
    leases = world.leases()
    leases.release("t", leases.claim("t", ["a"], lease_s=10), error="unavailable")

    world.time.pass_s(11)

    assert leases.wait("t", ["a"], timeout_s=5) == {"a": ""}


def test_a_waiter_is_woken_by_the_release(world: World) -> None:
    leases = world.leases()
    claim = leases.claim("t", ["a", "b"], lease_s=30)
    releaser = threading.Timer(0.1, leases.release, args=("t", claim), kwargs={"error": "x"})
    releaser.start()

    ended = leases.wait("t", ["a", "b", "free"], timeout_s=30)
    releaser.join()

    assert ended == {"a": "x", "b": "x", "free": ""}


def test_a_waiter_whose_time_is_up_is_told_only_what_ended(world: World) -> None:
    leases = world.leases()
    leases.claim("t", ["held"], lease_s=30)

    assert leases.wait("t", ["held", "free"], timeout_s=0) == {"free": ""}


def test_d11_renewing_keeps_a_lease_beyond_its_first_length(world: World) -> None:
    leases = world.leases()
    claim = leases.claim("t", ["a", "b"], lease_s=10)

    for _ in range(5):
        world.time.pass_s(6)
        assert leases.renew("t", claim, lease_s=10) == {"a", "b"}

    assert leases.claim("t", ["a"], lease_s=10).held == {"a"}


def test_d11_only_the_holder_renews(world: World) -> None:
    leases = world.leases()
    leases.claim("t", ["a"], lease_s=10)
    world.time.pass_s(11)
    claim = leases.claim("t", ["a"], lease_s=10)
    stranger = leases.claim("t", ["b"], lease_s=10)

    renewed = leases.renew("t", replace(claim, token=stranger.token), lease_s=10)

    assert renewed == frozenset()


def test_d13_nothing_is_renewed_beyond_the_longest_hold(world: World) -> None:
    leases = world.leases(max_hold_s=15)
    claim = leases.claim("t", ["a"], lease_s=10)
    world.time.pass_s(9)
    renewed = leases.renew("t", claim, lease_s=10)

    world.time.pass_s(6.5)

    assert renewed == {"a"}
    assert leases.renew("t", claim, lease_s=10) == frozenset()
    assert leases.claim("t", ["a"], lease_s=10).led.keys() == {"a"}


def test_d14_a_release_with_the_wrong_token_leaves_the_lease(world: World) -> None:
    leases = world.leases()
    claim = leases.claim("t", ["a"], lease_s=10)
    stranger = leases.claim("t", ["b"], lease_s=10)

    freed = leases.release("t", replace(claim, token=stranger.token))

    assert freed == frozenset()
    assert leases.claim("t", ["a"], lease_s=10).held == {"a"}


def test_d16_a_fence_is_above_the_milliseconds_of_the_clock(world: World) -> None:
    leases = world.leases()

    fence = leases.claim("t", ["a"], lease_s=10).led["a"]

    assert fence >= 1_000_000_000 << 10
    assert fence % 1024 == 0


def test_d21_who_finds_no_seat_to_wait_is_told_at_once_what_ended(world: World) -> None:
    leases = world.leases(max_waiters=0)
    leases.claim("t", ["a"], lease_s=30)

    assert leases.wait("t", ["a", "free"], timeout_s=3600) == {"free": ""}


def test_d21_a_seat_is_free_again_after_the_wait(world: World) -> None:
    leases = world.leases(max_waiters=1)
    claim = leases.claim("t", ["a"], lease_s=30)
    leases.wait("t", ["a"], timeout_s=0)
    releaser = threading.Timer(0.05, leases.release, args=("t", claim))
    releaser.start()

    ended = leases.wait("t", ["a"], timeout_s=30)
    releaser.join()

    assert ended == {"a": ""}


def test_d24_two_tenants_lead_the_same_name_at_once(world: World) -> None:
    leases = world.leases()
    leases.claim("t", ["a"], lease_s=10)

    assert leases.claim("u", ["a"], lease_s=10).led.keys() == {"a"}


@pytest.mark.parametrize("error", ["", "unavailable"], ids=["well", "with-an-error"])
def test_d26_ten_thousand_names_leave_nothing_behind(world: World, error: str) -> None:
    leases = world.leases()
    names = [f"n{number}" for number in range(10_000)]
    leases.release("t", leases.claim("t", names[:5000], lease_s=10), error=error)
    leases.claim("t", names[5000:], lease_s=10)

    world.time.pass_s(11)

    assert world.left_behind() == 0


def test_d07_of_a_hundred_who_claim_at_once_one_leads(world: World) -> None:
    leases, start, led = world.leases(), threading.Barrier(100), []

    def claim() -> None:
        start.wait()
        led.extend(leases.claim("t", ["a"], lease_s=30).led)

    threads = [threading.Thread(target=claim) for _ in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert led == ["a"]
