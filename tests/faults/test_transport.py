"""The transport behaves as Kombu's does, on Valkey and on Redis, and loses nothing in between."""

import shutil
import ssl
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis
from kombu import Connection, Exchange, Queue
from kombu.asynchronous import Hub
from kombu.exceptions import ChannelError

from enrich.state.parked import ParkedMessages
from tasks.transport import Transport, atomic_url
from tests.faults.brokers import Taken, connect, connect_stock, put, redis_binary, taking, unacked
from tests.faults.conftest import Valkey
from tests.waiting import eventually

pytestmark = pytest.mark.servers

using = contextmanager(taking)


@pytest.fixture(scope="module", params=["valkey", "redis"])
def server(request: pytest.FixtureRequest) -> Iterator[Valkey]:
    """A Valkey, and a Redis where there is one."""
    binary = "" if request.param == "valkey" else redis_binary()
    if binary is None:
        pytest.skip("this machine has no Redis; TEST_REDIS_SERVER may name one")
    own = Valkey(Path(tempfile.mkdtemp(prefix="enrich-b-")), binary=binary)
    own.start()
    yield own
    own.stop()
    shutil.rmtree(own.home)


@pytest.fixture
def broker(server: Valkey) -> Iterator[redis.Redis]:
    """The server, emptied, as its own tools see it."""
    with redis.Redis(unix_socket_path=server.socket, decode_responses=True) as client:
        client.flushall()
        yield client
        client.config_set("maxmemory", "0")


@pytest.fixture
def url(server: Valkey, broker: redis.Redis) -> str:
    return server.url


def listeners(broker: redis.Redis) -> int:
    """Count who has subscribed to something."""
    return sum(int(client["psub"]) for client in broker.client_list())


def numbered(taken: Taken) -> list[Any]:
    return [message.delivery_info["routing_key"] for message in taken.messages]


def test_all_that_is_asked_for_is_noted_before_any_is_handed_over(
    url: str, broker: redis.Redis
) -> None:
    at_first: list[int] = []
    with connect(url) as producing:
        put(producing, "a", *range(20))
    with using(connect(url), "a") as taken:
        taken.consumer.register_callback(lambda *_: at_first.append(unacked(broker)))
        taken.take(20)

    assert taken.bodies == list(range(20))
    assert at_first[0] == 20


def test_lower_number_is_the_higher_priority(url: str, broker: redis.Redis) -> None:
    with connect(url) as producing:
        for priority in (9, 0, 6, 3):
            put(producing, "a", priority, priority=priority)
    with using(connect(url), "a") as taken:
        assert taken.take(4) == [0, 3, 6, 9]


def test_queues_take_turns(url: str, broker: redis.Redis) -> None:
    with connect(url) as producing:
        put(producing, "busy", *range(6))
        put(producing, "calm", *range(2))
    with using(connect(url), "busy", "calm") as taken:
        taken.take(8)

    assert numbered(taken)[:4] in (["busy", "calm"] * 2, ["calm", "busy"] * 2)
    assert len(taken.bodies) == 8


def test_queues_in_order_of_priority_are_emptied_one_after_the_other(
    url: str, broker: redis.Redis
) -> None:
    with connect(url) as producing:
        put(producing, "last", *range(3))
        put(producing, "first", *range(3))
    with using(connect(url, queue_order_strategy="priority"), "first", "last") as taken:
        taken.take(6)

    assert numbered(taken) == ["first"] * 3 + ["last"] * 3


def test_no_more_is_taken_than_the_prefetch_limit_allows(url: str, broker: redis.Redis) -> None:
    with connect(url) as producing:
        put(producing, "a", *range(10))
    with using(connect(url), "a") as taken:
        taken.consumer.qos(prefetch_count=3)
        taken.take(3)
        first = list(taken.look())
        waiting = broker.llen("a")
        taken.messages[0].ack()
        taken.take(4)

        assert (first, waiting) == ([0, 1, 2], 7)
        assert taken.bodies == [0, 1, 2, 3]
        assert unacked(broker) == 3


@pytest.mark.parametrize("end", ["ack", "reject"])
def test_what_is_acknowledged_or_rejected_is_gone(url: str, broker: redis.Redis, end: str) -> None:
    with connect(url) as producing:
        put(producing, "a", 1)
    with using(connect(url), "a") as taken:
        taken.take(1)
        getattr(taken.messages[0], end)()

    assert broker.llen("a") == 0
    assert unacked(broker) == 0


def test_what_is_requeued_comes_again_after_the_others(url: str, broker: redis.Redis) -> None:
    with connect(url) as producing:
        put(producing, "a", *range(3))
    with using(connect(url), "a") as taken:
        taken.consumer.qos(prefetch_count=1)
        taken.take(1)
        taken.messages[0].requeue()
        for _ in range(2):
            taken.take(len(taken.bodies) + 1)
            taken.messages[-1].ack()
        taken.take(4)

    assert taken.bodies == [0, 1, 2, 0]
    assert taken.messages[-1].delivery_info["redelivered"] is True


def test_closing_gives_back_what_is_not_acknowledged(url: str, broker: redis.Redis) -> None:
    with connect(url) as producing:
        put(producing, "a", *range(5))
    with using(connect(url), "a") as taken:
        taken.take(5)
        taken.messages[0].ack()
    with using(connect(url), "a") as again:
        again.take(4)

    assert sorted(again.bodies) == [1, 2, 3, 4]
    assert unacked(broker) == 0


def test_closing_leaves_no_connection(url: str, broker: redis.Redis) -> None:
    with connect(url) as producing:
        put(producing, "a", 0)
    with using(connect(url), "a") as taken:
        taken.take(1)
        opened = len(broker.client_list())

    assert opened > 1
    assert eventually(lambda: len(broker.client_list()) == 1)


def test_closing_gives_back_what_was_fetched_and_never_read(url: str, broker: redis.Redis) -> None:
    with connect(url) as producing:
        put(producing, "a", *range(5))
    with using(connect(url), "a") as taken:
        taken._connection.transport.cycle.on_poll_start()
        assert taken.until(lambda: True)
        fetched = eventually(lambda: unacked(broker) == 5)

    assert fetched
    assert taken.bodies == []
    assert (broker.llen("a"), unacked(broker)) == (5, 0)


def test_what_is_held_for_too_long_comes_to_somebody_else(url: str, broker: redis.Redis) -> None:
    with connect(url, visibility_timeout=60) as producing:
        put(producing, "a", *range(3))
        with using(connect(url, visibility_timeout=60), "a") as dead:
            dead.take(3)
            broker.zincrby("unacked_index", -61, dead.messages[0].delivery_tag)
            broker.zincrby("unacked_index", -62, dead.messages[1].delivery_tag)
            with using(connect(url, visibility_timeout=60), "a") as other:
                other.take(2)
                dead.consumer.channel.qos._delivered.clear()

                assert other.bodies == [1, 0]
                assert unacked(broker) == 3


def test_whoever_comes_under_a_name_gives_back_what_its_last_life_had_fetched(
    url: str, broker: redis.Redis
) -> None:
    with connect(url) as producing:
        put(producing, "a", *range(4))
        with using(connect(url, worker="one"), "a") as dead:
            dead.consumer.qos(prefetch_count=3)
            dead.take(3)
            dead.messages[0].ack()
            with using(connect(url, worker="two"), "a") as other:
                other.take(1)
                with connect(url, worker="one") as next_life:
                    given = next_life.default_channel.take_over()
                    again = next_life.default_channel.take_over()
                other.take(3)
                left = unacked(broker)
                dead.consumer.channel.qos._delivered.clear()

    assert (given, again) == (2, 0)
    # What the other worker has fetched stays where it is.
    assert (sorted(other.bodies), left) == ([1, 2, 3], 3)
    assert other.messages[1].delivery_info["redelivered"] is True


def test_what_somebody_else_has_fetched_since_stays_with_them(
    url: str, broker: redis.Redis
) -> None:
    with connect(url, visibility_timeout=60) as producing:
        put(producing, "a", 1)
    with using(connect(url, visibility_timeout=60, worker="one"), "a") as dead:
        dead.take(1)
        broker.zincrby("unacked_index", -61, dead.messages[0].delivery_tag)
        with using(connect(url, visibility_timeout=60, worker="two"), "a") as other:
            other.take(1)
            with connect(url, worker="one") as next_life:
                given = next_life.default_channel.take_over()
            dead.consumer.channel.qos._delivered.clear()

            assert (given, other.bodies, unacked(broker)) == (0, [1], 1)


def test_a_message_that_workers_die_with_is_given_back_at_once_a_few_times_only(
    url: str, broker: redis.Redis
) -> None:
    with connect(url) as producing:
        put(producing, "a", 1)
        given = [died_with_what_it_took(url) for _ in range(4)]

    assert given == [1, 1, 1, 0]
    assert (broker.llen("a"), unacked(broker)) == (0, 1)


def test_messages_go_back_under_the_prefix_of_their_owner(url: str, broker: redis.Redis) -> None:
    with connect(url, global_keyprefix="team:") as producing:
        put(producing, "a", 1)

    assert died_with_what_it_took(url, global_keyprefix="team:") == 1
    assert broker.llen("team:a") == 1


def died_with_what_it_took(url: str, **options: Any) -> int:
    """Take a message and die; gives how many the next life gives back."""
    with using(connect(url, worker="one", **options), "a") as dead:
        dead.take(1)
        dead.consumer.channel.qos._delivered.clear()
    with connect(url, worker="one", **options) as next_life:
        return int(next_life.default_channel.take_over())


def test_what_was_given_back_in_good_order_is_left_to_whoever_has_it_now(
    url: str, broker: redis.Redis
) -> None:
    with connect(url) as producing:
        put(producing, "a", *range(3))
    with using(connect(url, worker="one"), "a") as taken:
        taken.take(3)
        taken.messages[0].ack()
    with using(connect(url, worker="two"), "a") as other, connect(url, worker="one") as next_life:
        other.take(2)

        assert next_life.default_channel.take_over() == 0


@pytest.mark.parametrize("end", ["ack", "reject", "requeue"])
def test_nothing_is_kept_of_a_message_that_was_dealt_with(
    url: str, broker: redis.Redis, end: str
) -> None:
    with connect(url) as producing:
        put(producing, "a", 1)
    with using(connect(url, worker="one"), "a") as taken:
        taken.take(1)
        held = broker.zrange("enrich:v1:fetched:one", 0, -1)
        taken.consumer.cancel()
        getattr(taken.messages[0], end)()

        assert held == [taken.messages[0].delivery_tag]
        assert not broker.exists("enrich:v1:fetched:one")


def test_f12_the_mutex_that_a_dead_worker_left_delays_no_restore(
    url: str, broker: redis.Redis
) -> None:
    with connect(url, visibility_timeout=60) as producing:
        put(producing, "a", 1)
        with using(connect(url, visibility_timeout=60), "a") as dead:
            dead.take(1)
            broker.zincrby("unacked_index", -61, dead.messages[0].delivery_tag)
            broker.set("unacked_mutex", "of somebody who died", ex=300)
            with (
                using(connect(url, visibility_timeout=60), "a") as one,
                using(connect(url, visibility_timeout=60), "a") as two,
            ):
                one.take(1)
                is_there_again = bool(two.look())
                dead.consumer.channel.qos._delivered.clear()

    # The restore is one script, so nobody has to be kept out of it.
    assert (one.bodies, is_there_again) == ([1], False)


def test_every_key_has_the_prefix_of_its_owner(url: str, broker: redis.Redis) -> None:
    own = {"global_keyprefix": "team:"}
    with connect(url, **own) as producing:
        put(producing, "a", *range(4))
    with using(connect(url, **own, visibility_timeout=60), "a") as taken:
        taken.take(4)
        taken.messages[0].ack()
        taken.messages[1].requeue()
        broker.zincrby("team:unacked_index", -61, taken.messages[2].delivery_tag)
        broker.lpush("team:a", "nonsense")
        taken.take(6)

    assert sorted(taken.bodies) == [0, 1, 1, 2, 2, 3]
    assert all(key.startswith("team:") for key in broker.scan_iter())
    assert broker.llen("team:a") == 3
    assert broker.llen("team:enrich:v1:parked") == 1


def test_every_consumer_hears_a_fanout(url: str, broker: redis.Redis) -> None:
    news = Exchange("news", type="fanout")
    queues = [Queue(name, news, auto_delete=True) for name in ("ours", "stock")]
    with using(connect(url), queues[0]) as ours, using(connect_stock(url), queues[1]) as stock:
        assert ours.until(lambda: listeners(broker) >= 1)
        assert stock.until(lambda: listeners(broker) == 2)
        with connect(url) as producing, producing.Producer() as producer:
            producer.publish("hello", exchange=news, declare=[news])

        assert (ours.take(1), stock.take(1)) == (["hello"], ["hello"])


def test_purging_a_queue_says_how_many_were_thrown_away(url: str, broker: redis.Redis) -> None:
    with connect(url) as connection:
        put(connection, "a", *range(3))
        put(connection, "a", 3, priority=9)

        assert connection.default_channel.queue_purge("a") == 4


def test_a_queue_that_is_not_there_is_not_made_by_asking(url: str, broker: redis.Redis) -> None:
    with connect(url) as connection:
        put(connection, "there", 1)

        assert connection.default_channel.queue_declare("there", passive=True).message_count == 1
        with pytest.raises(ChannelError, match="no queue 'absent'"):
            connection.default_channel.queue_declare("absent", passive=True)


def test_a_message_of_six_million_bytes_arrives_whole(url: str, broker: redis.Redis) -> None:
    big = "x" * 6_000_000
    with connect(url) as producing:
        put(producing, "a", big, 1)
    with using(connect(url), "a") as taken:
        taken.take(2)

    assert taken.bodies == [big, 1]


@pytest.mark.parametrize(
    ("producing", "consuming"),
    [(connect_stock, connect), (connect, connect_stock)],
    ids=["stock to ours", "ours to stock"],
)
def test_stock_and_ours_read_each_other(
    url: str,
    broker: redis.Redis,
    producing: Callable[..., Connection],
    consuming: Callable[..., Connection],
) -> None:
    with producing(url) as sender:
        put(sender, "a", {"n": 1}, headers={"x": "y"}, priority=3)
    with using(consuming(url), "a") as taken:
        taken.take(1)
        message = taken.messages[0]

    assert (taken.bodies, message.headers["x"]) == ([{"n": 1}], "y")


@pytest.mark.parametrize(
    ("holding", "taking_over"),
    [(connect_stock, connect), (connect, connect_stock)],
    ids=["stock to ours", "ours to stock"],
)
def test_what_one_kind_held_too_long_is_restored_by_the_other(
    url: str,
    broker: redis.Redis,
    holding: Callable[..., Connection],
    taking_over: Callable[..., Connection],
) -> None:
    with connect(url) as producing:
        put(producing, "a", 1)
    with using(holding(url, visibility_timeout=60), "a") as dead:
        dead.take(1)
        broker.zincrby("unacked_index", -61, dead.messages[0].delivery_tag)
        with using(taking_over(url, visibility_timeout=60), "a") as other:
            other.take(1)
            dead.consumer.channel.qos._delivered.clear()

    assert other.bodies == [1]


def test_a_message_that_needs_no_acknowledgement_is_not_held(url: str, broker: redis.Redis) -> None:
    with connect(url) as producing:
        put(producing, "a", 1)
    with using(connect(url), "a", no_ack=True) as taken:
        taken.take(1)

        assert taken.bodies == [1]
        assert unacked(broker) == 0


@pytest.mark.parametrize("no_ack", [False, True], ids=["to acknowledge", "at once"])
def test_one_message_can_be_got_directly(url: str, broker: redis.Redis, no_ack: bool) -> None:
    with connect(url) as connection:
        put(connection, "a", "one")
        message = connection.default_channel.basic_get("a", no_ack=no_ack)
        held = unacked(broker)
        nothing = connection.default_channel.basic_get("a", no_ack=no_ack)

    assert (message.payload, nothing) == ("one", None)
    assert held == (0 if no_ack else 1)


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "not JSON",
        "[1, 2]",
        "17",
        "null",
        '"text"',
        "{}",
        '{"properties": 1}',
        '{"properties": {"delivery_tag": null}}',
        '{"properties": {"delivery_tag": ""}}',
        "[" * 5000,
        '{"body": "abcde", "properties": {"delivery_tag": "t", "body_encoding": "base64"}}',
        '{"body": "eA==", "properties": {"delivery_tag": "t", "body_encoding": "rot13"}}',
        '{"body": "", "headers": "x", "properties": {"delivery_tag": "t"}}',
        '{"body": {"__type__": "x", "__value__": 1}, "properties": {"delivery_tag": "t"}}',
    ],
    ids=lambda raw: raw[:40] or "nothing",
)
def test_what_cannot_be_read_is_parked_and_disturbs_nobody(
    url: str, broker: redis.Redis, raw: str
) -> None:
    with connect(url) as producing:
        put(producing, "a", 1)
        broker.lpush("a", raw)
        put(producing, "a", 2)
    with using(connect(url), "a") as taken:
        taken.take(2)

        assert taken.bodies == [1, 2]
        assert broker.zcard("unacked_index") == 2
    with redis.Redis.from_url(url) as client:
        (parked,) = ParkedMessages(client).newest(5)
    assert parked.queue == "a"
    assert parked.reason


def test_messages_move_on_when_the_server_is_full(url: str, broker: redis.Redis) -> None:
    with connect(url) as producing:
        put(producing, "a", *range(3))
        broker.config_set("maxmemory", "1")
        with using(connect(url), "a") as taken:
            taken.take(3)
            taken.messages[0].requeue()
            taken.take(4)
            for message in taken.messages[1:]:
                message.ack()

    assert taken.bodies == [0, 1, 2, 0]
    assert unacked(broker) == 0


def test_a_script_that_the_server_forgot_is_sent_again(url: str, broker: redis.Redis) -> None:
    with connect(url) as producing, using(connect(url), "a") as taken:
        put(producing, "a", 1)
        taken.take(1)
        broker.script_flush()
        put(producing, "a", 2)
        taken.take(2)
        broker.script_flush()
        taken.messages[1].requeue()

        assert taken.take(3) == [1, 2, 2]


def test_a_server_that_may_not_tell_of_changes_is_asked_again_and_again(
    url: str, broker: redis.Redis
) -> None:
    broker.acl_setuser(
        "plain",
        enabled=True,
        nopass=True,
        keys=["*"],
        channels=["*"],
        commands=["+@all", "-client|tracking"],
    )
    plain = url.replace("unix://", "unix://plain:x@")
    with connect(plain) as producing, using(connect(plain), "a", "b") as taken:
        taken.look()
        put(producing, "b", 1)
        put(producing, "a", 2)
        taken.take(2)

    assert sorted(taken.bodies) == [1, 2]


def test_a_queue_that_is_added_later_is_heard(url: str, broker: redis.Redis) -> None:
    with connect(url) as producing, using(connect(url), "a") as taken:
        taken.look()
        taken.consumer.add_queue(Queue("b", routing_key="b"))
        taken.consumer.consume()
        put(producing, "b", 1)

        assert taken.take(1) == [1]


def test_a_message_of_a_cancelled_queue_goes_back(url: str, broker: redis.Redis) -> None:
    with connect(url) as producing, using(connect(url), "a", "b") as taken:
        put(producing, "a", 1)
        put(producing, "b", 2)
        taken._connection.transport.cycle.on_poll_start()
        assert eventually(lambda: unacked(broker) == 2)
        taken.consumer.cancel_by_queue("a")
        taken.take(1)

        assert taken.bodies == [2]
        assert (broker.llen("a"), unacked(broker)) == (1, 1)


def test_other_brokers_keep_their_address() -> None:
    assert atomic_url("amqp://host//") == "amqp://host//"
    assert atomic_url("rediss://host/1?ssl_cert_reqs=required").startswith("enrich-rediss://")


def test_an_address_is_shown_as_that_of_a_plain_server() -> None:
    assert Connection(atomic_url("redis://u:p@host:1/2")).as_uri() == "redis://u:**@host:1/2"


def test_an_encrypted_address_keeps_its_options() -> None:
    tls = Connection(atomic_url("rediss://host/1?ssl_cert_reqs=required"))

    assert tls.ssl == {"ssl_cert_reqs": ssl.CERT_REQUIRED}
    assert tls.get_transport_cls() is Transport


def test_a_loop_forgets_a_connection_that_was_closed(url: str, broker: redis.Redis) -> None:
    loop = Hub()
    with connect(url) as staying:
        staying.register_with_event_loop(loop)
        kept = set(loop.on_tick)
        for _ in range(3):
            with connect(url) as passing:
                passing.register_with_event_loop(loop)
                passing.register_with_event_loop(loop)

        assert len(kept) == 1
        assert loop.on_tick == kept
    assert not loop.on_tick
    loop.close()
