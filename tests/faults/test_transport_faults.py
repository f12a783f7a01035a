"""The transport when its connection, its server or its process goes in the middle of a fetch."""

from collections.abc import Callable
from contextlib import contextmanager

import pytest
import redis
from kombu import Queue

from tests.faults.brokers import Taken, connect, put, taking, unacked
from tests.faults.conftest import Valkey
from tests.faults.proxy import Proxy
from tests.faults.transport_kills import killed_under_load
from tests.waiting import eventually

pytestmark = pytest.mark.servers

using = contextmanager(taking)
LOST = (redis.ConnectionError, ConnectionError, OSError)


def test_messages_whose_reply_was_lost_are_noted_and_come_to_another(
    valkey: Valkey, proxy: Proxy
) -> None:
    with connect(valkey.url, visibility_timeout=60) as producing:
        with connect(proxy.url, visibility_timeout=60) as cut:
            taken = Taken(cut, "a")
            taken.consumer.consume()
            put(producing, "a", "before")
            taken.take(1)
            taken.messages[0].ack()
            proxy.faults.delay_s = 600.0
            put(producing, "a", *range(5))
            cut.transport.cycle.on_poll_start()
            fetched = eventually(lambda: unacked(valkey.admin) == 5)
            proxy.refuse()
            with pytest.raises(LOST):
                cut.drain_events(timeout=5)
        for tag in valkey.admin.zrange("unacked_index", 0, -1):
            valkey.admin.zincrby("unacked_index", -61, tag)
        with using(connect(valkey.url, visibility_timeout=60), "a") as another:
            another.take(5)

    assert fetched
    assert taken.bodies == ["before"]
    assert sorted(another.bodies) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    "harm",
    [
        pytest.param(lambda server: server.admin.client_kill_filter(_type="normal"), id="cut off"),
        pytest.param(lambda server: server.stop() or server.start(), id="server started anew"),
    ],
)
def test_a_consumer_that_lost_its_server_says_so_and_can_begin_again(
    valkey: Valkey, harm: Callable[[Valkey], object]
) -> None:
    with connect(valkey.url) as connection:
        consumer = connection.Consumer([Queue("a", routing_key="a")])
        consumer.consume()
        connection.transport.cycle.on_poll_start()
        harm(valkey)
        with pytest.raises(LOST):
            connection.drain_events(timeout=5)
    with connect(valkey.url) as producing, using(connect(valkey.url), "a") as again:
        put(producing, "a", 1)

        assert again.take(1) == [1]


@pytest.mark.worker
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_no_message_is_lost_when_workers_are_killed_under_load() -> None:
    losses = killed_under_load(transport="atomic", pool="threads", kills=2, seed=5)

    assert losses.lost == 0
    assert losses.done > 0
