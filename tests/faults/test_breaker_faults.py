"""Breakers and governors that share a server: what they share, and what they do without it.

Not here: B33 and B57 to B59 the engine · B67's scope the API · B74 needs two machines; that no
worker's clock is asked is shown here
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime

import pytest

from enrich.domain.calls import CallReport
from enrich.domain.policy import BreakerPolicy
from enrich.domain.rate import RateLimit
from enrich.errors import DependencyError
from enrich.state.breaker import RedisBreakers
from enrich.state.governor import RedisGovernor
from enrich.state.link import FALLBACKS_TOTAL, RedisLink
from tests.contract.shared_world import HandClock, Sums
from tests.faults.caches import HandTime
from tests.faults.conftest import Valkey
from tests.faults.proxy import Proxy
from tests.waiting import eventually

pytestmark = pytest.mark.servers

FAILURE = CallReport(failures=1)
Make = Callable[..., RedisBreakers]


@pytest.fixture
def link(valkey: Valkey) -> Iterator[RedisLink]:
    with closing(RedisLink(valkey.url, timeout_s=30.0)) as link:
        yield link


@pytest.fixture
def far_link(proxy: Proxy) -> Iterator[RedisLink]:
    """A link through the proxy that tries again at each call."""
    with closing(RedisLink(proxy.url, now_s=HandTime(step_s=10.0), timeout_s=30.0)) as link:
        yield link


def breakers_on(
    link: RedisLink, *, policy: BreakerPolicy | None = None, clock: HandClock | None = None
) -> RedisBreakers:
    policy, clock = policy or BreakerPolicy(), clock or HandClock(0.0)
    return RedisBreakers(link, policy, clock=clock, recorder=Sums())


def fail(breakers: RedisBreakers, times: int) -> None:
    for _ in range(times):
        breakers.report("acme", breakers.acquire("acme"), FAILURE)


def test_b68_failures_of_two_workers_open_it_for_both(link: RedisLink) -> None:
    one, two = breakers_on(link), breakers_on(link)

    fail(one, 3)
    fail(two, 7)

    assert [worker.acquire("acme").granted for worker in (one, two)] == [0, 0]


def test_b70_without_redis_each_process_has_a_breaker_of_its_own(
    far_link: RedisLink, proxy: Proxy
) -> None:
    one, two = breakers_on(far_link), breakers_on(far_link)
    proxy.refuse()

    fail(one, 10)

    assert (one.acquire("acme").granted, two.acquire("acme").granted) == (0, 1)
    assert one.status(["acme"])["acme"].state == "open"
    assert one.known() == ("acme",)


def test_b70_without_redis_one_line_a_minute_is_logged(
    proxy: Proxy, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    proxy.refuse()
    with closing(RedisLink(proxy.url, now_s=HandTime(step_s=0.01))) as link:
        breakers = breakers_on(link)

        granted = [breakers.acquire("acme").granted for _ in range(500)]

    assert granted == [1] * 500
    said = [record.getMessage() for record in caplog.records if record.name == "enrich.state.link"]
    assert said == ["[L2Cache] Redis not available, using in-memory fallback"]


def test_b71_a_late_answer_is_waited_for_no_longer_than_the_limit(
    proxy: Proxy,
) -> None:
    proxy.faults.delay_s = 60.0
    sums = Sums()
    with closing(RedisLink(proxy.url)) as link:
        breakers = RedisBreakers(link, BreakerPolicy(), clock=HandClock(0.0), recorder=sums)

        permit = breakers.acquire("acme")

    assert permit.granted == 1
    assert sums.total(FALLBACKS_TOTAL, part="breakers", reason="away") == 1


def test_b72_when_redis_returns_its_state_is_used_and_ours_dropped(
    far_link: RedisLink, proxy: Proxy
) -> None:
    breakers = breakers_on(far_link)
    fail(breakers, 3)
    proxy.refuse()
    fail(breakers, 10)
    assert breakers.status(["acme"])["acme"].state == "open"

    proxy.accept()

    assert eventually(lambda: breakers.acquire("acme").granted == 1)
    assert breakers.status(["acme"])["acme"].failures == 3
    proxy.refuse()
    assert breakers.status(["acme"])["acme"].failures == 0


def test_b73_after_a_flush_it_is_closed_and_empty(valkey: Valkey, link: RedisLink) -> None:
    breakers = breakers_on(link)
    fail(breakers, 10)

    valkey.admin.flushall()

    status = breakers.status(["acme"])["acme"]
    assert (status.state, status.successes, status.failures) == ("closed", 0, 0)
    assert breakers.acquire("acme").granted == 1


def test_b73_every_key_has_a_lifetime(valkey: Valkey, link: RedisLink) -> None:
    breakers = breakers_on(link)
    breakers.acquire("acme")
    fail(breakers, 10)
    breakers.force("acme", "open", hold=True, actor="kim")
    RedisGovernor(link, clock=HandClock(0.0), recorder=Sums()).reserve(
        "acme", want=5, max_delay_s=1.0, limits=[RateLimit(2, 1.0), RateLimit(9, 86_400.0)]
    )

    lives_ms = {key: valkey.admin.pttl(key) for key in valkey.admin.scan_iter()}

    assert len(lives_ms) == 4
    assert all(life_ms > 0 for life_ms in lives_ms.values())
    assert all(bytes(key).startswith(b"enrich:v1:") for key in lives_ms)


def test_b74_the_workers_own_clocks_do_not_matter(link: RedisLink) -> None:
    policy = BreakerPolicy(reset_s=3600.0)
    slow, fast = (
        breakers_on(link, policy=policy, clock=HandClock(at_s)) for at_s in (0.0, 9_999_999_999.0)
    )

    fail(slow, 10)

    assert fast.acquire("acme").granted == 0
    assert fast.acquire("acme").retry_at == slow.acquire("acme").retry_at


def test_b75_two_versions_of_the_numbers_share_the_counts(link: RedisLink) -> None:
    old, new = breakers_on(link), breakers_on(link, policy=BreakerPolicy(failure_threshold=12))

    fail(new, 11)
    assert new.status(["acme"])["acme"].state == "closed"

    fail(old, 1)
    assert new.status(["acme"])["acme"].state == "open"


def test_b23_the_window_in_redis_never_holds_more_than_60_seconds(
    valkey: Valkey, link: RedisLink
) -> None:
    clock = HandClock(1000.0)
    breakers = RedisBreakers(
        link,
        BreakerPolicy(failure_threshold=1000),
        clock=clock,
        recorder=Sums(),
        now_s=lambda: clock.at_s,
    )
    for _ in range(200):
        clock.at_s += 1.0
        fail(breakers, 1)

    fields = list(valkey.admin.hscan_iter(_only_breaker(valkey), match="w*", no_values=True))

    assert len(fields) == 60


def test_forcing_without_redis_says_that_nothing_was_set(far_link: RedisLink, proxy: Proxy) -> None:
    breakers = breakers_on(far_link)
    proxy.refuse()

    with pytest.raises(DependencyError):
        breakers.force("acme", "closed", actor="kim")


def test_without_redis_a_process_keeps_to_its_share_of_a_limit(
    far_link: RedisLink, proxy: Proxy
) -> None:
    governor = RedisGovernor(far_link, clock=HandClock(0.0), recorder=Sums(), processes=4)
    proxy.refuse()

    slots = governor.reserve("acme", want=3, max_delay_s=1.0, limits=[RateLimit(8, 1.0)])

    assert slots.delays_s == (0.0, 0.55)


def test_without_redis_a_cool_down_is_obeyed_by_this_process(
    far_link: RedisLink, proxy: Proxy
) -> None:
    governor = RedisGovernor(far_link, clock=HandClock(0.0), recorder=Sums())
    proxy.refuse()

    governor.learn("acme", retry_at=datetime.fromtimestamp(60, UTC))

    assert governor.reserve("acme", want=1, max_delay_s=1.0).refused == 1


def test_when_redis_returns_its_bookings_are_used(far_link: RedisLink, proxy: Proxy) -> None:
    governor = RedisGovernor(far_link, clock=HandClock(0.0), recorder=Sums())
    proxy.refuse()
    governor.learn("acme", retry_at=datetime.fromtimestamp(3000, UTC))

    proxy.accept()

    assert eventually(lambda: not governor.reserve("acme", want=1, max_delay_s=1.0).refused)


def _only_breaker(valkey: Valkey) -> str:
    (key,) = valkey.admin.scan_iter(match="*:breaker:*")
    return str(key, "ascii")


def test_a_frozen_server_is_not_waited_for_twice(valkey: Valkey) -> None:
    with closing(RedisLink(valkey.url)) as link:
        breakers = breakers_on(link)
        breakers.acquire("acme")
        valkey.freeze()

        granted = [breakers.acquire("acme").granted for _ in range(1000)]

        valkey.thaw()
    assert granted == [1] * 1000
