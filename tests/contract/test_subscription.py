"""What wakes a waiter in Valkey: D09."""

import threading
from collections.abc import Iterator

import pytest

from enrich.domain.policy import SingleflightPolicy
from enrich.state.leases import RedisLeases
from enrich.state.link import RedisLink
from enrich.state.names import key_of
from enrich.state.subscription import Subscription
from tests.contract.shared_world import ValkeyTime
from tests.waiting import eventually

pytestmark = pytest.mark.servers


@pytest.fixture
def link(redis_url: str) -> Iterator[RedisLink]:
    link = RedisLink(redis_url, timeout_s=5.0)
    yield link
    link.close()


def channels_of(version: int, count: int) -> list[str]:
    return [key_of(version, "lease", "t", f"n{number}") for number in range(count)]


def test_d09_once_entered_no_message_can_be_missed(link: RedisLink) -> None:
    channels = channels_of(ValkeyTime(link).version, 50)

    with Subscription(link, channels):
        counts = link.do(lambda client: client.pubsub_numsub(*channels))

    assert [count for _, count in counts] == [1] * 50


def test_a_release_sends_the_message_that_wakes(link: RedisLink) -> None:
    version = ValkeyTime(link).version
    leases = RedisLeases(link, SingleflightPolicy(), version=version)
    claim = leases.claim("t", ["n0", "n1"], lease_s=60)

    with Subscription(link, channels_of(version, 2)) as subscription:
        leases.release("t", claim)
        waiter = threading.Thread(target=subscription.wait, args=(300,), daemon=True)
        waiter.start()
        waiter.join(60)

    assert not waiter.is_alive()


def test_messages_that_came_together_wake_once(link: RedisLink) -> None:
    version = ValkeyTime(link).version
    channels = channels_of(version, 50)

    with Subscription(link, channels) as subscription:
        for channel in channels:
            link.do(lambda client, channel=channel: client.publish(channel, "1"))
        # The server answers a publisher before it has written to those who listen.
        link.do(lambda client: client.ping())
        subscription.wait(300)
        left = subscription._received(subscription._pubsub, 0.0)  # type: ignore[arg-type]

    assert left is False


def test_after_leaving_nobody_listens(link: RedisLink) -> None:
    (channel,) = channels_of(ValkeyTime(link).version, 1)

    with Subscription(link, [channel]):
        pass

    # The server hears a moment later that a connection was closed.
    assert eventually(lambda: link.do(lambda client: client.publish(channel, "1")) == 0)
