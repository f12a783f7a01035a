"""What becomes of the cache when Redis fails: the cases C21 to C33 and C41."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from enrich.domain.policy import CachePolicy
from enrich.errors import DependencyError, SettingsError
from enrich.ports import CacheEntry
from enrich.state.cache import RedisCache
from enrich.state.link import FAULTS_TOTAL, SKIPPED_TOTAL, LinkAwayError, RedisLink
from tests.faults.caches import HandTime, Worker
from tests.faults.conftest import Valkey
from tests.faults.proxy import Proxy
from tests.ports import reserved_port
from tests.waiting import eventually

pytestmark = pytest.mark.servers


@pytest.fixture
def time() -> HandTime:
    return HandTime()


@pytest.fixture
def worker(proxy: Proxy, time: HandTime) -> Iterator[Worker]:
    """A worker behind the proxy whose link's time stands still."""
    worker = Worker(proxy.url, now_s=time)
    yield worker
    worker.link.close()


@pytest.fixture
def hasty(proxy: Proxy, time: HandTime) -> Iterator[Worker]:
    """Such a worker that does not wait long, for a server that never answers it in time."""
    worker = Worker(proxy.url, now_s=time, timeout_s=0.25)
    yield worker
    worker.link.close()


def lines(caplog: pytest.LogCaptureFixture) -> list[tuple[int, str]]:
    """Give what links have logged."""
    ours = [record for record in caplog.records if record.name == "enrich.state.link"]
    return [(record.levelno, record.getMessage()) for record in ours]


@pytest.fixture
def link(valkey: Valkey) -> Iterator[RedisLink]:
    with closing(RedisLink(valkey.url, timeout_s=30.0)) as link:
        yield link


def test_c21_refused_at_start_it_serves_from_memory_and_says_so_once(
    worker: Worker, proxy: Proxy, caplog: pytest.LogCaptureFixture
) -> None:
    proxy.refuse()

    available = worker.link.available()
    worker.put("a", 1)

    assert (available, worker.get("a")) == (False, 1)
    assert lines(caplog) == [
        (logging.WARNING, "[L2Cache] Redis not available, using in-memory fallback")
    ]


def test_c22_what_cannot_be_put_in_redis_is_kept_in_memory(worker: Worker, proxy: Proxy) -> None:
    missed = worker.get("a")
    proxy.refuse()

    worker.put("a", 1)

    assert (missed, worker.get("a")) == ("miss", 1)


@pytest.mark.parametrize("fault", ["refused", "blackhole", "frozen"])
def test_c23_while_redis_is_away_one_call_asks_it_and_a_thousand_do_not(
    hasty: Worker, proxy: Proxy, valkey: Valkey, fault: str
) -> None:
    {
        "refused": proxy.refuse,
        "blackhole": lambda: setattr(proxy.faults, "blackhole", True),
        "frozen": valkey.freeze,
    }[fault]()

    gets = {hasty.get("b") for _ in range(1001)}

    assert gets == {"miss"}
    assert hasty.sums.total(FAULTS_TOTAL, reason="away") == 1
    assert hasty.sums.total(SKIPPED_TOTAL) == 1000


def test_c23_one_caller_at_a_time_tries_whether_it_is_back(
    worker: Worker, proxy: Proxy, time: HandTime
) -> None:
    proxy.refuse()
    worker.get("a")
    time.at_s += 1.0

    for _ in range(100):
        worker.get("a")

    assert worker.sums.total(FAULTS_TOTAL) == 2


def test_c23_of_many_threads_one_tries_whether_it_is_back(
    hasty: Worker, proxy: Proxy, time: HandTime
) -> None:
    proxy.faults.blackhole = True
    hasty.get("a")
    time.at_s += 1.0
    start = threading.Barrier(20)
    threads = [threading.Thread(target=lambda: (start.wait(), hasty.get("a"))) for _ in range(20)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert hasty.sums.total(FAULTS_TOTAL) == 2
    assert hasty.sums.total(SKIPPED_TOTAL) == 19


def test_c23_trials_become_rarer_up_to_five_seconds(
    worker: Worker, proxy: Proxy, time: HandTime
) -> None:
    proxy.refuse()

    for _ in range(60):
        worker.get("a")
        time.at_s += 1.0

    # After 0, 1, 3, 7 s and then each 5 s.
    assert worker.sums.total(FAULTS_TOTAL) == 4 + 10


def test_c24_redis_is_used_again_and_gets_what_was_kept_meanwhile(
    worker: Worker, proxy: Proxy, time: HandTime
) -> None:
    proxy.refuse()
    worker.put("a", 1)
    worker.put("b", 2)
    proxy.accept()
    time.at_s += 1.0

    worker.get("other")

    assert (worker.in_redis("a"), worker.in_redis("b")) == (1, 2)
    assert len(worker.memory) == 0


def test_c24_an_entry_is_offered_with_what_is_left_of_its_life(
    worker: Worker, proxy: Proxy, time: HandTime
) -> None:
    proxy.refuse()
    worker.put("a", 1, ttl_s=600)
    worker.clock.at_s += 300
    proxy.accept()
    time.at_s += 1.0

    worker.get("other")

    age_s = worker.shared.get_many("t", ["a"])["a"].age_s
    assert age_s == pytest.approx(300, abs=100)


@pytest.mark.parametrize(
    ("age_s", "survives"),
    [
        pytest.param(100, "memory", id="older-in-redis"),
        pytest.param(0, "redis", id="newer-in-redis"),
    ],
)
def test_c24_of_two_entries_the_newer_wins(
    worker: Worker, proxy: Proxy, valkey: Valkey, time: HandTime, age_s: int, survives: str
) -> None:
    worker.put("a", "redis")
    key = worker.shared.key_of("t", "a")
    valkey.admin.pexpire(key, int(valkey.admin.pttl(key)) - age_s * 1000)  # type: ignore[arg-type]
    proxy.refuse()
    worker.put("a", "memory")
    worker.clock.at_s += 50
    proxy.accept()
    time.at_s += 1.0

    worker.get("other")

    assert worker.in_redis("a") == survives


def test_c25_flapping_for_a_minute_is_no_error_and_few_lines(
    worker: Worker, proxy: Proxy, time: HandTime, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    for _ in range(15):
        proxy.refuse()
        worker.put("a", 1)
        time.at_s += 2.0
        proxy.accept()
        worker.put("a", 1)
        time.at_s += 2.0

    assert worker.sums.total(FAULTS_TOTAL) >= 15
    assert 1 <= len(lines(caplog)) <= 4


@pytest.mark.parametrize("share", ["reset_share", "close_share"], ids=["RST", "FIN"])
def test_c26_a_reply_cut_in_the_middle_is_one_miss_and_the_next_call_is_right(
    worker: Worker, proxy: Proxy, share: str
) -> None:
    worker.put("a", 1)
    worker.put("b", 2)
    setattr(proxy.faults, share, 1.0)
    cut = worker.get("a")
    setattr(proxy.faults, share, 0.0)

    after = (worker.get("b"), worker.get("a"))

    assert (cut, after) == ("miss", (2, 1))
    assert proxy.done["reset"] + proxy.done["closed"] == 1
    assert worker.sums.total(FAULTS_TOTAL, reason="stray") == 1


def test_c26_five_cut_replies_in_a_row_say_that_it_is_away(worker: Worker, proxy: Proxy) -> None:
    worker.put("a", 1)
    proxy.faults.reset_share = 1.0

    for _ in range(100):
        worker.get("a")

    assert worker.sums.total(FAULTS_TOTAL, reason="stray") == 5
    assert worker.sums.total(SKIPPED_TOTAL) == 95


def damaged(raw: bytes, at: int) -> bytes:
    return raw[:at] + bytes([raw[at] ^ 4]) + raw[at + 1 :]


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda raw: damaged(raw, -3), id="C28-flipped-in-the-value"),
        pytest.param(lambda raw: damaged(raw, 6), id="C28-flipped-in-the-head"),
        pytest.param(lambda raw: damaged(raw, 36), id="C28-flipped-in-the-checksum"),
        pytest.param(lambda raw: raw[:-1], id="C28-cut"),
        pytest.param(lambda _: b"", id="C29-empty"),
        pytest.param(lambda _: b"not ours at all", id="C29-text"),
        pytest.param(lambda _: b'0|{"payload": 1}', id="C29-json"),
        pytest.param(lambda _: b"\x80\x04\x95\x0b\x00\x00\x00\x00\x00\x00\x00.", id="C29-pickle"),
        pytest.param(lambda raw: raw + b"x" * 10_000_000, id="C29-ten-megabytes"),
    ],
)
def test_an_unreadable_entry_is_missed_counted_and_dropped(
    valkey: Valkey, link: RedisLink, spoil: Callable[[bytes], bytes]
) -> None:
    cache, admin = RedisCache(link, "cell", CachePolicy()), valkey.admin
    cache.put_many("t", {"a": CacheEntry(payload="value", ttl_s=60)})
    key = cache.key_of("t", "a")
    admin.set(key, spoil(admin.get(key)), keepttl=True)  # type: ignore[arg-type]

    hits = cache.get_many("t", ["a"])

    assert hits == {}
    assert cache.stats().corrupt == 1
    assert admin.exists(key) == 0


def test_c26_an_entry_under_the_key_of_another_is_unreadable(
    valkey: Valkey, link: RedisLink
) -> None:
    cache, admin = RedisCache(link, "cell", CachePolicy()), valkey.admin
    cache.put_many("t", {"a": CacheEntry(payload="value", ttl_s=60)})

    admin.copy(cache.key_of("t", "a"), cache.key_of("t", "b"))

    assert cache.get_many("t", ["a", "b"]).keys() == {"a"}


def test_c14_an_entry_of_a_later_envelope_is_missed_and_left_alone(
    valkey: Valkey, link: RedisLink
) -> None:
    cache, admin = RedisCache(link, "cell", CachePolicy()), valkey.admin
    key = cache.key_of("t", "a")
    admin.set(key, b"0|e2 whatever comes", px=60_000)

    hits = cache.get_many("t", ["a"])

    assert (hits, cache.stats().corrupt, admin.exists(key)) == ({}, 0, 1)


def test_c29_a_key_of_another_type_is_a_miss_and_overwritten(
    valkey: Valkey, link: RedisLink
) -> None:
    cache, admin = RedisCache(link, "cell", CachePolicy()), valkey.admin
    admin.lpush(cache.key_of("t", "a"), "x")
    missed = cache.get_many("t", ["a"])

    cache.put_many("t", {"a": CacheEntry(payload=1, ttl_s=60, negative=True)})

    assert missed == {}
    assert cache.get_many("t", ["a"])["a"].payload == 1


def test_c30_without_memory_in_redis_it_is_still_read_and_gets_the_rest_later(
    valkey: Valkey, time: HandTime
) -> None:
    worker = Worker(valkey.url, now_s=time)
    worker.put("before", 1)
    valkey.admin.config_set("maxmemory", 1)
    worker.put("after", 2)
    read = [worker.get("before"), worker.link.available()]
    valkey.admin.config_set("maxmemory", 0)
    time.at_s += 10

    worker.get("other")

    assert read == [1, True]
    assert worker.sums.total(FAULTS_TOTAL, reason="full") >= 1
    assert worker.in_redis("after") == 2
    worker.link.close()


def test_c31_a_read_only_replica_counts_as_away(valkey: Valkey, time: HandTime) -> None:
    worker = Worker(valkey.url, now_s=time)
    worker.put("a", 1)
    valkey.admin.replicaof("127.0.0.1", 1)  # type: ignore[no-untyped-call]

    worker.put("b", 2)

    assert worker.get("b") == 2
    assert worker.sums.total(FAULTS_TOTAL, reason="away") == 1
    worker.link.close()


def test_c32_a_wrong_password_is_an_error_and_no_fallback(
    start_valkey: Callable[..., Valkey],
) -> None:
    worker = Worker(start_valkey("--requirepass", "right").url)

    with pytest.raises(SettingsError, match="REDIS_URL"):
        worker.get("a")

    worker.link.close()


def test_c32_a_forbidden_command_is_an_error_and_no_fallback(valkey: Valkey) -> None:
    valkey.admin.acl_setuser("poor", enabled=True, nopass=True, keys=["*"], commands=["+ping"])
    link = RedisLink(valkey.url.replace("unix://", "unix://poor:x@"))
    cache = RedisCache(link, "cell", CachePolicy())

    with pytest.raises(SettingsError, match="no permissions"):
        cache.get_many("t", ["a"])

    link.close()


def test_c33_a_cluster_is_an_error_and_no_fallback(start_valkey: Callable[..., Valkey]) -> None:
    with reserved_port() as port, reserved_port() as bus:
        ports = ("--port", str(port), "--cluster-port", str(bus))
        worker = Worker(start_valkey("--cluster-enabled", "yes", *ports).url)

        with pytest.raises(DependencyError, match="cluster is not supported"):
            worker.get("a")

        worker.link.close()


def test_c41_what_memory_kept_is_not_read_in_a_later_outage(
    worker: Worker, proxy: Proxy, time: HandTime
) -> None:
    proxy.refuse()
    worker.put("a", "outdated")
    proxy.accept()
    time.at_s += 1.0
    # A look-up elsewhere finds Redis back, without this cache's knowledge.
    worker.link.do(lambda client: client.ping())
    time.at_s += 61.0
    proxy.refuse()

    assert worker.get("a") == "miss"


def test_c42_what_was_dropped_while_redis_was_away_is_dropped_there_first(
    worker: Worker, proxy: Proxy, time: HandTime
) -> None:
    worker.put("a", 1)
    proxy.refuse()
    worker.cache.drop_many("t", ["a"])
    proxy.accept()
    time.at_s += 1.0

    assert worker.get("a") == "miss"


def test_c42_what_was_cleared_while_redis_was_away_is_cleared_there_first(
    worker: Worker, proxy: Proxy, time: HandTime
) -> None:
    worker.put("a", 1)
    proxy.refuse()
    worker.cache.clear()
    proxy.accept()
    time.at_s += 1.0

    assert worker.get("a") == "miss"


def test_the_cache_in_redis_itself_says_when_it_is_away(worker: Worker, proxy: Proxy) -> None:
    proxy.refuse()

    with pytest.raises(LinkAwayError, match="away"):
        worker.shared.get_many("t", ["a"])


def test_the_server_that_comes_back_is_found_without_help(valkey: Valkey) -> None:
    worker = Worker(valkey.url)
    valkey.stop()
    worker.put("a", 1)

    valkey.start()

    assert eventually(lambda: worker.link.available() or worker.get("b") is None)
    assert worker.in_redis("a") == 1
    worker.link.close()
