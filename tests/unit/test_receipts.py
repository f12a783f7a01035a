"""How a worker acknowledges or gives back the messages of requests that it gathered."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from kombu.message import Message

from tasks.express.calls import Call, Receipts


@dataclass
class Consumer:
    """A consumer with its loop, its limit and its channel: it notes what is asked of them."""

    limit: int = 0
    settled: list[tuple[str, str]] = field(default_factory=list)
    timers: list[Callable[[], None]] = field(default_factory=list)
    connection_errors: tuple[type[Exception], ...] = (ConnectionError,)
    is_away: bool = False
    no_ack_consumers: frozenset[str] = frozenset()

    @property
    def hub(self) -> "Consumer":
        return self

    @property
    def qos(self) -> "Consumer":
        return self

    def call_soon(self, work: Callable[[], None]) -> None:
        work()

    def call_later(self, seconds: float, work: Callable[[], None]) -> None:
        assert seconds > 0
        self.timers.append(work)

    def increment_eventually(self) -> None:
        self.limit += 1

    def decrement_eventually(self) -> None:
        self.limit -= 1

    def ack_together(self, messages: Sequence[Any]) -> None:
        for message in messages:
            message.ack()

    def basic_ack(self, tag: str, multiple: bool) -> None:
        self.settled.append((tag, "done"))

    def basic_reject(self, tag: str, requeue: bool) -> None:
        if self.is_away:
            raise ConnectionError
        self.settled.append((tag, "again" if requeue else "nobody wants it"))

    def wait(self) -> None:
        while self.timers:
            self.timers.pop()()


@pytest.fixture
def consumer() -> Consumer:
    return Consumer()


def call(consumer: Consumer, tag: str) -> Call:
    message = Message(channel=consumer, delivery_tag=tag, body="")
    return Call(id=tag, task="enrich.cell", args=(), kwargs={}, waits=True, message=message, at_s=0)


def test_what_is_given_back_comes_again_after_a_pause_and_raises_the_limit_no_more(
    consumer: Consumer,
) -> None:
    receipts = Receipts(consumer, most=10)
    held = [call(consumer, "one"), call(consumer, "two")]
    for each in held:
        receipts.hold(each)

    receipts.give_back(held)

    assert (consumer.limit, consumer.settled) == (2, [])
    consumer.wait()
    assert (consumer.limit, consumer.settled) == (0, [("one", "again"), ("two", "again")])


def test_what_is_acknowledged_does_not_come_again(consumer: Consumer) -> None:
    receipts = Receipts(consumer, most=10)
    done = call(consumer, "done")
    receipts.hold(done)
    receipts.acknowledge([done])

    receipts.give_back([done])
    consumer.wait()

    assert (consumer.limit, consumer.settled) == (0, [("done", "done")])


def test_a_limit_is_known_by_its_delivery_and_not_by_an_address(consumer: Consumer) -> None:
    receipts = Receipts(consumer, most=10)
    held, same = call(consumer, "one"), call(consumer, "one")
    receipts.hold(held)

    receipts.acknowledge([same])

    assert consumer.limit == 0


def test_a_broker_that_is_away_does_not_end_the_loop(consumer: Consumer) -> None:
    receipts = Receipts(consumer, most=10)
    held = call(consumer, "one")
    receipts.hold(held)
    consumer.is_away = True

    receipts.give_back([held])
    consumer.wait()

    assert (consumer.limit, consumer.settled) == (0, [])
