"""The numbers of all processes are exact, also when replies are lost or the server is away."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from enrich.domain.policy import BreakerPolicy
from enrich.state.breaker import RedisBreakers
from enrich.state.link import RedisLink
from enrich.state.metrics import RedisMetrics, read_metrics
from tests.contract.shared_world import HandClock
from tests.faults.caches import HandTime
from tests.faults.conftest import Valkey
from tests.faults.proxy import Proxy
from tests.waiting import eventually

pytestmark = pytest.mark.servers

ACME = {"provider": "acme", "tenant": 'x",{}:é'}


@pytest.fixture
def link(valkey: Valkey) -> Iterator[RedisLink]:
    with closing(RedisLink(valkey.url, timeout_s=30.0)) as link:
        yield link


@pytest.fixture
def far_link(proxy: Proxy) -> Iterator[RedisLink]:
    """A link through the proxy that tries again at each call."""
    with closing(RedisLink(proxy.url, now_s=HandTime(step_s=10.0), timeout_s=30.0)) as link:
        yield link


def by_hand(link: RedisLink) -> RedisMetrics:
    """Metrics that send only when they are told to."""
    return RedisMetrics(link, flush_s=None)


def test_counts_and_timings_of_two_recorders_add_up(link: RedisLink) -> None:
    one, two = by_hand(link), by_hand(link)
    for metrics in (one, two):
        metrics.count("calls", 3, ACME)
        metrics.observe("provider_call", 0.5, ACME)
        metrics.flush()

    sums = by_hand(link).read()

    assert sums.total("calls", provider="acme") == 6
    assert (sums.timing("provider_call").count, sums.timing("provider_call").total_us) == (
        2,
        1_000_000,
    )


def test_what_is_counted_is_sent_without_being_asked(link: RedisLink) -> None:
    metrics = RedisMetrics(link, flush_s=0.01)

    metrics.count("calls")

    assert eventually(lambda: by_hand(link).read().total("calls") == 1)
    metrics.close()


def test_an_empty_flush_sends_nothing(valkey: Valkey, link: RedisLink) -> None:
    assert by_hand(link).flush()

    assert valkey.admin.dbsize() == 0


def test_while_redis_is_away_counts_are_kept_and_sent_once_it_is_back(
    far_link: RedisLink, proxy: Proxy
) -> None:
    metrics = by_hand(far_link)
    metrics.count("calls", 2)
    metrics.flush()
    proxy.refuse()
    metrics.count("calls", 3)
    assert not metrics.flush()
    metrics.count("calls", 4)
    assert metrics.read().total("calls") == 9

    proxy.accept()

    assert eventually(metrics.flush)
    assert metrics.read().total("calls") == 9


def test_a_batch_whose_answer_was_lost_counts_once(far_link: RedisLink, proxy: Proxy) -> None:
    metrics = by_hand(far_link)
    metrics.count("calls", 1)
    metrics.flush()
    metrics.count("calls", 5)
    proxy.faults.reset_share = 1.0
    assert not metrics.flush()
    assert proxy.done["reset"] > 0

    proxy.faults.reset_share = 0.0

    assert eventually(metrics.flush)
    assert metrics.read().total("calls") == 6


def test_close_sends_what_is_pending(link: RedisLink) -> None:
    metrics = RedisMetrics(link, flush_s=60.0)
    metrics.count("calls")

    metrics.close()

    assert by_hand(link).read().total("calls") == 1


def test_every_key_has_a_lifetime(valkey: Valkey, link: RedisLink) -> None:
    metrics = by_hand(link)
    metrics.count("calls")
    metrics.flush()

    lives_ms = {str(key): valkey.admin.pttl(key) for key in valkey.admin.scan_iter()}

    assert len(lives_ms) == 2
    assert all(life_ms > 0 for life_ms in lives_ms.values())


def test_providers_are_read_with_the_state_of_their_breakers(link: RedisLink) -> None:
    metrics = by_hand(link)
    breakers = RedisBreakers(link, BreakerPolicy(), clock=HandClock(), recorder=metrics)
    breakers.force("acme", "open", actor="kim")

    health = read_metrics(metrics, breakers).provider_health

    assert health["acme"].state == "open"
