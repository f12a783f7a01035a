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
    link = RedisLink(request.getfixturevalue("redis_url"), timeout_s=5.0)
    yield World(ValkeyTime(link))
    link.close()


def test_the_first_to_claim_leads_and_the_next_waits(world: World) -> None:
    leases = world.leases()

    first = leases.claim("t", ["a", "b"], lease_s=1000)
    second = leases.claim("t", ["b", "c"], lease_s=1000)

    assert (first.led.keys(), first.held) == ({"a", "b"}, frozenset())
    assert (second.led.keys(), second.held) == ({"c"}, {"b"})


@pytest.mark.parametrize("ending", ["released", "ran out"])
def test_d02_the_fence_of_the_next_leader_is_higher(world: World, ending: str) -> None:
    leases = world.leases()
    first = leases.claim("t", ["a"], lease_s=1000)
    {"released": lambda: leases.release("t", first), "ran out": lambda: world.time.pass_s(1100)}[
        ending
    ]()

    second = leases.claim("t", ["a"], lease_s=1000)

    assert second.led["a"] > first.led["a"]


def test_d03_a_lease_that_ran_out_is_free_and_not_before(world: World) -> None:
    leases = world.leases()
    leases.claim("t", ["a"], lease_s=1000)
    world.time.pass_s(950)
    early = leases.claim("t", ["a"], lease_s=1000)
    world.time.pass_s(100)

    late = leases.claim("t", ["a"], lease_s=1000)

    assert (early.led, late.led.keys()) == ({}, {"a"})


def test_d04_a_leader_that_comes_back_too_late_has_nothing_to_release(world: World) -> None:
    leases = world.leases()
    frozen = leases.claim("t", ["a", "b"], lease_s=1000)
    world.time.pass_s(1100)
    successor = leases.claim("t", ["a"], lease_s=1000)

    lost = leases.release("t", frozen)

    assert lost == frozenset()
    assert leases.renew("t", successor, lease_s=1000) == {"a"}


def test_d06_waiters_share_the_error_of_the_leader(world: World) -> None:
    leases = world.leases()
    claim = leases.claim("t", ["a", "b"], lease_s=1000)

    leases.release("t", claim, error="unavailable")

    assert leases.wait("t", ["a", "b"], timeout_s=100) == {"a": "unavailable", "b": "unavailable"}


def test_d06_an_error_is_not_told_to_who_waits_for_the_next_leader(world: World) -> None:
    leases = world.leases()
    leases.release("t", leases.claim("t", ["a"], lease_s=1000), error="unavailable")

    leases.release("t", leases.claim("t", ["a"], lease_s=1000))

    assert leases.wait("t", ["a"], timeout_s=100) == {"a": ""}


def test_d06_an_error_is_forgotten_after_a_while(world: World) -> None:
    leases = world.leases()
    leases.release("t", leases.claim("t", ["a"], lease_s=1000), error="unavailable")

    world.time.pass_s(1100)

    assert leases.wait("t", ["a"], timeout_s=100) == {"a": ""}


def test_a_waiter_is_woken_by_the_release(world: World) -> None:
    leases = world.leases()
    claim = leases.claim("t", ["a", "b"], lease_s=300)
    releaser = threading.Timer(0.1, leases.release, args=("t", claim), kwargs={"error": "x"})
    releaser.start()

    ended = leases.wait("t", ["a", "b", "free"], timeout_s=100)
    releaser.join()

    assert ended == {"a": "x", "b": "x", "free": ""}


def test_a_waiter_whose_time_is_up_is_told_only_what_ended(world: World) -> None:
    leases = world.leases()
    leases.claim("t", ["held"], lease_s=300)

    assert leases.wait("t", ["held", "free"], timeout_s=0) == {"free": ""}


def test_d11_renewing_keeps_a_lease_beyond_its_first_length(world: World) -> None:
    leases = world.leases(max_hold_s=6000)
    claim = leases.claim("t", ["a", "b"], lease_s=1000)

    for _ in range(5):
        world.time.pass_s(600)
        leases.renew("t", claim, lease_s=1000)

    assert leases.renew("t", claim, lease_s=1000) == {"a", "b"}
    assert leases.claim("t", ["a"], lease_s=1000).held == {"a"}


def test_d11_only_the_holder_renews(world: World) -> None:
    leases = world.leases()
    leases.claim("t", ["a"], lease_s=1000)
    world.time.pass_s(1100)
    claim = leases.claim("t", ["a"], lease_s=1000)
    stranger = leases.claim("t", ["b"], lease_s=1000)

    renewed = leases.renew("t", replace(claim, token=stranger.token), lease_s=1000)

    assert renewed == frozenset()


def test_d13_nothing_is_renewed_beyond_the_longest_hold(world: World) -> None:
    leases = world.leases(max_hold_s=1500)
    claim = leases.claim("t", ["a"], lease_s=1000)
    world.time.pass_s(900)
    renewed = leases.renew("t", claim, lease_s=1000)

    world.time.pass_s(650)

    assert renewed == {"a"}
    assert leases.renew("t", claim, lease_s=1000) == frozenset()
    assert leases.claim("t", ["a"], lease_s=1000).led.keys() == {"a"}


def test_d14_a_release_with_the_wrong_token_leaves_the_lease(world: World) -> None:
    leases = world.leases()
    claim = leases.claim("t", ["a"], lease_s=1000)
    stranger = leases.claim("t", ["b"], lease_s=1000)

    freed = leases.release("t", replace(claim, token=stranger.token))

    assert freed == frozenset()
    assert leases.claim("t", ["a"], lease_s=1000).held == {"a"}


def test_d16_a_fence_is_above_the_milliseconds_of_the_clock(world: World) -> None:
    leases = world.leases()

    fence = leases.claim("t", ["a"], lease_s=1000).led["a"]

    assert fence >= 1_000_000_000 << 10
    assert fence % 1024 == 0


def test_d21_who_finds_no_seat_to_wait_is_told_at_once_what_ended(world: World) -> None:
    leases = world.leases(max_waiters=0)
    leases.claim("t", ["a"], lease_s=300)

    assert leases.wait("t", ["a", "free"], timeout_s=3600) == {"free": ""}


def test_d21_a_seat_is_free_again_after_the_wait(world: World) -> None:
    leases = world.leases(max_waiters=1)
    claim = leases.claim("t", ["a"], lease_s=300)
    leases.wait("t", ["a"], timeout_s=0)
    releaser = threading.Timer(0.05, leases.release, args=("t", claim))
    releaser.start()

    ended = leases.wait("t", ["a"], timeout_s=100)
    releaser.join()

    assert ended == {"a": ""}


def test_d24_two_tenants_lead_the_same_name_at_once(world: World) -> None:
    leases = world.leases()
    leases.claim("t", ["a"], lease_s=1000)

    assert leases.claim("u", ["a"], lease_s=1000).led.keys() == {"a"}


@pytest.mark.parametrize("error", ["", "unavailable"], ids=["well", "with-an-error"])
def test_d26_ten_thousand_names_leave_nothing_behind(world: World, error: str) -> None:
    leases = world.leases()
    names = [f"n{number}" for number in range(10_000)]
    leases.release("t", leases.claim("t", names[:5000], lease_s=1000), error=error)
    leases.claim("t", names[5000:], lease_s=1000)

    world.time.pass_s(1100)

    assert world.left_behind() == 0


def test_d07_of_a_hundred_who_claim_at_once_one_leads(world: World) -> None:
    leases, start, led = world.leases(), threading.Barrier(100), []

    def claim() -> None:
        start.wait()
        led.extend(leases.claim("t", ["a"], lease_s=300).led)

    threads = [threading.Thread(target=claim) for _ in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert led == ["a"]
