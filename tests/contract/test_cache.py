"""One suite for the cache in memory and in Valkey.

Elsewhere:  C06, C16, C17 tests/unit/test_freshness.py · C11 tests/unit/test_names.py ·
            C15, C44 tests/integration/test_shared_state.py ·
            C21–C26, C28–C33, C41 tests/faults · C35–C39 tests/unit/test_cache_shelf.py
Not here:   C04  the engine decides which outcomes are kept; a cache keeps what it is given
            C08  memory is no level in front of Redis: it is read only while Redis is away
            C27  callers are threads, and nothing cancels a thread inside a call
            C34  which server holds the cache is a matter of deployment; an evicted entry is C01
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import pytest

from enrich.domain.policy import CachePolicy
from enrich.domain.values import Json
from enrich.errors import BadInputError
from enrich.ports import CacheEntry, CacheHit
from enrich.state.cache import RedisCache
from enrich.state.cache_memory import MemoryCache
from enrich.state.cache_rules import CACHE_REQUESTS_TOTAL
from enrich.state.cache_shelf import Shelf
from enrich.state.link import RedisLink
from tests.contract.shared_world import MemoryTime, Sums, ValkeyTime, drawing

AnyCache: TypeAlias = RedisCache | MemoryCache

# A draw in the middle leaves lifetimes as they are, and an early refresh has no chance.
_NO_CHANCE = {"refresh_beta": 0.0}


@dataclass(slots=True)
class World:
    """Caches over one memory or one server."""

    time: MemoryTime | ValkeyTime
    shelf: Shelf | None = None

    def cache(
        self,
        *,
        newer: bool = False,
        kind: str = "cell",
        draws: tuple[float, ...] = (0.5,),
        recorder: Sums | None = None,
        **own: Any,
    ) -> AnyCache:
        version = (self.time.version if isinstance(self.time, ValkeyTime) else 1) + newer
        policy = CachePolicy(**{"version": version, **_NO_CHANCE, **own})
        if isinstance(self.time, ValkeyTime):
            return RedisCache(self.time.link, kind, policy, draw=drawing(*draws), recorder=recorder)
        clock, draw = self.time.clock, drawing(*draws)
        return MemoryCache(
            kind, policy, clock=clock, draw=draw, shelf=self.shelf, recorder=recorder
        )


def in_memory() -> World:
    time = MemoryTime()
    return World(time, Shelf(max_entries=10_000, max_bytes=2**26, now_s=time.clock.monotonic_s))


@pytest.fixture(
    params=["memory", pytest.param("valkey", marks=pytest.mark.servers)], ids=["memory", "valkey"]
)
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    if request.param == "memory":
        yield in_memory()
        return
    link = RedisLink(request.getfixturevalue("redis_url"), timeout_s=5.0)
    yield World(ValkeyTime(link))
    link.close()


def one(cache: AnyCache, name: str = "a", *, tenant: str = "t", **how: bool) -> CacheHit | None:
    return cache.get_many(tenant, [name], **how).get(name)


def keep(
    cache: AnyCache, payload: Json = 1, *, name: str = "a", tenant: str = "t", **own: Any
) -> None:
    cache.put_many(tenant, {name: CacheEntry(**{"payload": payload, "ttl_s": 3600, **own})})


@pytest.mark.parametrize(
    ("ttl_s", "negative", "after_s", "hits"),
    [
        pytest.param(3600, False, 3590, True, id="C01-known-until-its-end"),
        pytest.param(3600, False, 3600.1, False, id="C01-missed-from-then-on"),
        pytest.param(300, True, 290, True, id="C02-negative-known-until-its-end"),
        pytest.param(300, True, 300.1, False, id="C02-negative-missed-from-then-on"),
    ],
)
def test_an_entry_lives_exactly_its_ttl(
    world: World, ttl_s: float, negative: bool, after_s: float, hits: bool
) -> None:
    cache = world.cache()
    keep(cache, ttl_s=ttl_s, negative=negative)

    world.time.pass_s(after_s)

    assert (one(cache) is not None) is hits


@pytest.mark.parametrize("payload", [None, "", 0, False, [], {}, {"a": [1, "é", None]}], ids=repr)
@pytest.mark.parametrize("negative", [True, False], ids=["negative", "positive"])
def test_c03_an_empty_value_is_a_hit_and_told_apart_from_a_negative(
    world: World, payload: Json, negative: bool
) -> None:
    cache = world.cache()

    keep(cache, payload, negative=negative, reason="why")

    hit = one(cache)
    assert hit is not None
    assert (hit.payload, hit.negative, hit.reason) == (payload, negative, "why")


@pytest.mark.parametrize(
    ("known", "later", "survives"),
    [
        pytest.param({}, {"negative": True}, True, id="positive-outlives-negative"),
        pytest.param({}, {"negative": True, "forced": True}, False, id="unless-forced"),
        pytest.param(
            {"confidence": 0.4}, {"negative": True, "confidence": 0.6}, False, id="unless-surer"
        ),
        pytest.param(
            {"confidence": 0.6}, {"negative": True, "confidence": 0.6}, False, id="unless-as-sure"
        ),
        pytest.param({"negative": True}, {}, False, id="positive-replaces-negative"),
        pytest.param({}, {"confidence": 0.1}, False, id="positive-replaces-positive"),
        pytest.param(
            {"negative": True}, {"negative": True}, False, id="negative-replaces-its-like"
        ),
    ],
)
def test_c05_a_negative_leaves_a_surer_positive_in_place(
    world: World, known: dict[str, Any], later: dict[str, Any], survives: bool
) -> None:
    cache = world.cache()
    keep(cache, "known", **known)

    keep(cache, "later", **later)

    assert one(cache).payload == ("known" if survives else "later")  # type: ignore[union-attr]


def test_c05_a_positive_that_is_only_served_stale_gives_way_to_a_negative(world: World) -> None:
    cache = world.cache()
    keep(cache, "known", ttl_s=10, stale_ttl_s=100)
    world.time.pass_s(11)

    keep(cache, "later", negative=True)

    assert one(cache).negative  # type: ignore[union-attr]


@pytest.mark.parametrize("draw", [0.0, 1.0], ids=["shortest", "longest"])
def test_c06_a_lifetime_is_spread_by_a_tenth(world: World, draw: float) -> None:
    cache = world.cache(draws=(draw,))
    keep(cache, ttl_s=1000)

    world.time.pass_s(890 + 200 * draw)
    before = one(cache)
    world.time.pass_s(20)

    assert before is not None
    assert one(cache) is None


def test_c07_a_ttl_of_zero_is_not_kept(world: World) -> None:
    cache = world.cache()

    keep(cache, ttl_s=0)

    assert one(cache) is None


@pytest.mark.parametrize("ttl_s", [-1, 2**31 + 1], ids=["negative", "beyond-31-bits"])
def test_c07_an_impossible_ttl_is_an_error_and_nothing_is_kept(world: World, ttl_s: float) -> None:
    cache = world.cache()
    entries = {"a": CacheEntry(payload=1, ttl_s=10), "b": CacheEntry(payload=1, ttl_s=ttl_s)}

    with pytest.raises(BadInputError, match="lifetime"):
        cache.put_many("t", entries)

    assert one(cache) is None


def test_c09_c10_each_version_reads_only_its_own(world: World) -> None:
    old, new = world.cache(), world.cache(newer=True)
    keep(old, "old")
    missed = one(new)

    keep(new, "new")

    assert missed is None
    assert (one(old).payload, one(new).payload) == ("old", "new")  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "name",
    ["*", "a\r\nDEL x", "a:b", "{}", "{a}", "nul\0", "ü" * 300, "x" * 1_000_000, "\udcff", ""],
    ids=["star", "crlf", "colon", "braces", "tag", "nul", "umlauts", "huge", "surrogate", "empty"],
)
def test_c12_any_name_makes_a_short_safe_key(world: World, name: str) -> None:
    cache = world.cache()

    keep(cache, "kept", name=name, tenant=name)

    key = cache.key_of(name, name)
    assert one(cache, name, tenant=name).payload == "kept"  # type: ignore[union-attr]
    assert len(key.encode()) <= 200
    assert key.isprintable()
    assert "*" not in key


def test_c13_no_tenant_gets_the_entry_of_another(world: World) -> None:
    cache = world.cache()
    tenants = [f"tenant{number}" for number in range(100)]

    for tenant in tenants[::2]:
        keep(cache, tenant, tenant=tenant)

    hits = [one(cache, tenant=tenant) for tenant in tenants]
    assert [hit and hit.payload for hit in hits[::2]] == tenants[::2]
    assert set(hits[1::2]) == {None}


def test_c18_only_one_reader_is_told_to_refresh(world: World) -> None:
    cache = world.cache()
    keep(cache, ttl_s=100, soft_ttl_s=50)
    world.time.pass_s(51)

    told = [one(cache).refresh for _ in range(5)]  # type: ignore[union-attr]

    assert told == [True, False, False, False, False]


def test_c18_nobody_is_told_before_the_soft_ttl(world: World) -> None:
    cache = world.cache()
    keep(cache, ttl_s=1000, soft_ttl_s=500)

    world.time.pass_s(450)

    assert one(cache).refresh is False  # type: ignore[union-attr]


def test_c18_an_early_refresh_is_drawn_by_what_fetching_took(world: World) -> None:
    # The chance at the end of one fetching time is e⁻¹ = 0.37: of these draws one is below it.
    cache = world.cache(draws=(0.5, 0.6, 0.3), refresh_beta=1.0)
    keep(cache, ttl_s=1000, took_s=100)
    world.time.pass_s(900)

    told = [one(cache).refresh for _ in range(3)]  # type: ignore[union-attr]

    assert told == [False, True, False]


def test_c19_a_refresh_that_did_not_come_is_asked_for_again_after_its_wait(world: World) -> None:
    cache = world.cache(refresh_retry_s=30)
    keep(cache, "old", ttl_s=1000, soft_ttl_s=50)
    world.time.pass_s(51)
    first = one(cache)
    world.time.pass_s(20)
    second = one(cache)
    world.time.pass_s(11)

    third = one(cache)

    assert [hit and (hit.payload, hit.refresh) for hit in (first, second, third)] == [
        ("old", True),
        ("old", False),
        ("old", True),
    ]


@pytest.mark.parametrize(
    ("after_s", "stale_ok", "found"),
    [
        pytest.param(90, True, "fresh", id="before-its-end"),
        pytest.param(110, False, None, id="not-asked-for"),
        pytest.param(110, True, "stale", id="after-its-end"),
        pytest.param(1101, True, None, id="after-the-stale-time"),
    ],
)
def test_c20_a_stale_entry_is_served_to_who_allows_it(
    world: World, after_s: float, stale_ok: bool, found: str | None
) -> None:
    cache = world.cache()
    keep(cache, ttl_s=100, stale_ttl_s=1000)

    world.time.pass_s(after_s)

    hit = one(cache, stale_ok=stale_ok)
    assert (hit and ("stale" if hit.stale else "fresh")) == found


def test_c40_a_hit_that_its_reader_changes_leaves_the_entry_as_it_is(world: World) -> None:
    cache, payload = world.cache(), {"list": [1]}
    keep(cache, payload)

    payload["list"].append(2)
    one(cache).payload["list"].append(3)  # type: ignore[union-attr, index, call-overload]

    assert one(cache).payload == {"list": [1]}  # type: ignore[union-attr]


def test_c42_a_cleared_cache_misses_at_once_for_every_worker(world: World) -> None:
    cache, other_worker = world.cache(), world.cache()
    keep(cache)
    keep(cache, tenant="another")

    cache.clear()

    assert one(other_worker) is None
    assert one(other_worker, tenant="another") is None


def test_c42_what_is_kept_after_clearing_is_found(world: World) -> None:
    cache = world.cache()
    cache.clear()

    keep(cache, "new")

    assert one(cache).payload == "new"  # type: ignore[union-attr]


def test_clearing_one_kind_leaves_the_other(world: World) -> None:
    cells, responses = world.cache(), world.cache(kind="response")
    keep(responses)

    cells.clear()

    assert one(responses) is not None


def test_c43_a_negative_hit_counts_as_a_hit_and_apart(world: World) -> None:
    cache = world.cache()
    keep(cache)
    keep(cache, name="b", negative=True)

    cache.get_many("t", ["a", "b", "c", "d"])

    stats = cache.stats()
    assert (stats.hits, stats.misses, stats.negative_hits, stats.hit_rate) == (2, 2, 1, 0.5)


def test_c43_for_the_recorder_every_look_up_has_one_outcome(world: World) -> None:
    sums = Sums()
    cache = world.cache(recorder=sums)
    keep(cache)
    keep(cache, name="b", negative=True)
    keep(cache, name="c", ttl_s=10, stale_ttl_s=1000, negative=True)
    world.time.pass_s(100)

    cache.get_many("t", ["a", "b", "c", "d", "e"], stale_ok=True)

    outcomes = ("hit", "negative", "stale", "miss")
    counts = [sums.total(CACHE_REQUESTS_TOTAL, kind="cell", outcome=name) for name in outcomes]
    assert counts == [1, 1, 1, 2]


def test_c43_without_a_look_up_there_is_no_hit_rate(world: World) -> None:
    assert world.cache().stats().hit_rate is None


def test_a_dropped_entry_is_missed(world: World) -> None:
    cache = world.cache()
    keep(cache)
    keep(cache, name="b")

    cache.drop_many("t", ["a", "unknown"])

    assert cache.get_many("t", ["a", "b"]).keys() == {"b"}


def test_an_entry_knows_its_age_and_when_it_was_stored(world: World) -> None:
    cache = world.cache()
    keep(cache)

    world.time.pass_s(100)

    hit = one(cache)
    assert hit is not None
    # What really passes in Valkey meanwhile counts as well.
    assert 99 < hit.age_s < 160
    assert hit.stored_at.tzinfo is not None


@pytest.mark.parametrize(
    "payload", ["x" * 300_000, 2**70, "\udcff"], ids=["too-large", "integer", "surrogate"]
)
def test_what_cannot_be_kept_is_counted_and_missed(world: World, payload: Json) -> None:
    cache = world.cache()

    keep(cache, payload)

    assert one(cache) is None
    assert cache.stats().unstorable == 1


def test_thousands_of_entries_travel_together(world: World) -> None:
    cache = world.cache()
    names = [f"n{number}" for number in range(2500)]
    cache.put_many("t", {name: CacheEntry(payload=name, ttl_s=60) for name in names})

    hits = cache.get_many("t", names)

    assert {name: hit.payload for name, hit in hits.items()} == {name: name for name in names}


def test_nothing_asked_and_nothing_kept_is_no_error(world: World) -> None:
    cache = world.cache()

    cache.put_many("t", {})
    cache.drop_many("t", [])

    assert cache.get_many("t", []) == {}
