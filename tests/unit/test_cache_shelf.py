"""The bounded place in memory: C35 to C39."""

import random
import threading

import pytest

from enrich.state.cache_rules import Parcel
from enrich.state.cache_shelf import Shelf
from tests.contract.shared_world import HandClock


def parcel(*, life_s: float = 60, size: int = 1) -> Parcel:
    return Parcel(round(life_s * 1000), "set", b"x" * size)


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


def shelf_of(clock: HandClock, *, entries: int = 3, size: int = 1000) -> Shelf:
    return Shelf(max_entries=entries, max_bytes=size, now_s=clock.monotonic_s)


def holds(shelf: Shelf, names: str) -> str:
    return "".join(name for name in names if shelf.get(name))


def test_c35_one_entry_too_many_pushes_out_the_oldest(clock: HandClock) -> None:
    shelf = shelf_of(clock, entries=10_000, size=100_000)

    for number in range(10_001):
        shelf.put(str(number), parcel())

    assert len(shelf) == 10_000
    assert shelf.get("0") is None
    assert shelf.get("1") is not None


def test_c36_what_was_looked_up_is_not_the_least_recently_used(clock: HandClock) -> None:
    shelf = shelf_of(clock)
    for name in "abc":
        shelf.put(name, parcel())
    shelf.get("a")

    shelf.put("d", parcel())

    assert holds(shelf, "abcd") == "acd"


def test_c37_the_dead_go_before_the_least_recently_used(clock: HandClock) -> None:
    shelf = shelf_of(clock)
    shelf.put("a", parcel(life_s=60))
    shelf.put("b", parcel(life_s=10))
    shelf.put("c", parcel(life_s=60))
    clock.at_s += 11

    shelf.put("d", parcel())

    assert holds(shelf, "abcd") == "acd"


def test_c37_a_renewed_entry_does_not_die_at_its_first_moment(clock: HandClock) -> None:
    shelf = shelf_of(clock)
    shelf.put("a", parcel(life_s=10))
    shelf.put("a", parcel(life_s=60))
    clock.at_s += 11

    shelf.put("b", parcel())

    assert holds(shelf, "ab") == "ab"


def test_c38_bytes_are_limited_as_well(clock: HandClock) -> None:
    shelf = shelf_of(clock, entries=100, size=1000)

    for name in "abcd":
        shelf.put(name, parcel(size=300))

    assert holds(shelf, "abcd") == "bcd"
    assert shelf.total_bytes == 900


def test_c38_an_entry_beyond_all_bytes_is_not_kept(clock: HandClock) -> None:
    shelf = shelf_of(clock)

    shelf.put("a", parcel(size=1001))

    assert (len(shelf), shelf.total_bytes) == (0, 0)


def test_c39_sixteen_threads_keep_within_the_limits(clock: HandClock) -> None:
    shelf, failures = shelf_of(clock, entries=50, size=400), []

    def mix(seed: int) -> None:
        source = random.Random(seed)
        try:
            for _ in range(2_000):
                name = str(source.randrange(200))
                source.choice(
                    [
                        lambda name=name: shelf.put(name, parcel(size=source.randrange(20))),
                        lambda name=name: shelf.get(name),
                        lambda name=name: shelf.drop(name),
                        lambda: setattr(clock, "at_s", clock.at_s + 1),
                    ]
                )()
        except Exception as error:  # noqa: BLE001 - any at all is the failure that is looked for
            failures.append(error)

    threads = [threading.Thread(target=mix, args=(seed,)) for seed in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    assert len(shelf) <= 50
    assert shelf.total_bytes <= 400


def test_entries_that_are_renewed_for_ever_leave_no_moments_behind(clock: HandClock) -> None:
    shelf = shelf_of(clock)

    for _ in range(10_000):
        shelf.put("a", parcel())

    assert len(shelf._deaths) < 200


def test_what_is_taken_is_gone_and_has_the_rest_of_its_life(clock: HandClock) -> None:
    shelf = shelf_of(clock)
    shelf.put("x:a", parcel(life_s=60))
    shelf.put("x:b", parcel(life_s=10))
    shelf.put("y:a", parcel())
    clock.at_s += 20

    taken = shelf.take("x:", 10)

    assert {key: one.life_ms for key, one in taken.items()} == {"x:a": 40_000}
    assert len(shelf) == 1
