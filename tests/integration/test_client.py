"""The light client against a real worker, without one, and without a broker."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import pytest
from pytest_celery import CeleryTestWorker

from enrich.client import AsyncClient, Client
from enrich.client.wire import QUEUE
from enrich.domain.addresses import celery_url
from enrich.errors import (
    BadInputError,
    BrokerDownError,
    NoAnswerError,
    PartlySentError,
    RefusedError,
)
from tests.integration.leaving_broker import leaving_broker
from tests.integration.nodes import in_database
from tests.integration.worker_fixtures import ENRICHED, World

pytestmark = [pytest.mark.servers, pytest.mark.worker]

T = TypeVar("T")
_EMPTY = 13

#: A service of its own: sends twice, waits once, and ends without closing anything.
SERVICE = """\
import sys
from enrich.client import Client
client = Client(sys.argv[1], timeout_s=90.0)
client.row.delay(sys.argv[2], "row_0001")
print(client.cell(sys.argv[2], "row_0001", "industry").state)
foreign = {"celery", "kombu", "sqlalchemy", "pydantic", "tasks", "providers"} & set(sys.modules)
print(sorted(foreign))
"""


@pytest.fixture(scope="module")
def broker_url(worker_environment: Mapping[str, str], celery_worker: CeleryTestWorker) -> str:
    """Where the worker listens."""
    assert celery_worker
    return worker_environment["ENRICH_BROKER__URL"]


@pytest.fixture(scope="module")
def client(broker_url: str) -> Iterator[Client]:
    """A client of that worker."""
    with Client(broker_url, timeout_s=90.0) as own:
        yield own


@pytest.fixture
def lonely(redis_url: str) -> Iterator[Client]:
    """A client of a broker to which no worker listens."""
    url = in_database(redis_url, _EMPTY)
    with Client(url, timeout_s=0.2) as own:
        own._redis.flushdb()
        yield own
        own._redis.flushdb()


@pytest.fixture(scope="module")
def table(world: World) -> str:
    """A table whose cells any test may fill."""
    return world.make_table(30)


def awaited(url: str, ask: Callable[[AsyncClient], Any]) -> Any:
    async def run() -> Any:
        async with AsyncClient(url, timeout_s=90.0) as own:
            return await ask(own)

    return asyncio.run(run())


def test_a_cell_is_sent_and_waited_for(client: Client, table: str) -> None:
    cell = client.cell(table, "row_0001", "industry")

    assert cell.state in {"filled", "not_found", "failed"}
    assert cell.metadata.duration_ms >= 0


def test_a_row_is_read_some_time_after_it_was_sent(client: Client, table: str) -> None:
    reply = client.row.delay(table, "row_0002", ["founded", "city"])

    assert set(reply.get(timeout_s=90)) == {"founded", "city"}


def test_many_requests_are_sent_at_once_and_answered_one_by_one(client: Client, table: str) -> None:
    keys = [f"row_{number:04d}" for number in range(5, 25)]

    replies = client.send_all(client.row.request(table, key, ["city"]) for key in keys)

    assert [set(reply.get()) for reply in replies] == [{"city"}] * len(keys)


def test_one_request_that_cannot_be_written_keeps_all_from_being_sent(lonely: Client) -> None:
    asked = [lonely.row.request("t", "1"), lonely.row.request("t", "2", [float("nan")])]  # type: ignore[list-item]

    with pytest.raises(BadInputError, match="JSON"):
        lonely.send_all(asked)

    assert lonely._redis.llen(QUEUE) == 0


def test_asyncio_sends_many_at_once_and_in_their_order(lonely: Client, redis_url: str) -> None:
    async def send(own: AsyncClient) -> list[str]:
        replies = await own.send_all(own.row.request("t", str(n)) for n in range(1_200))
        return [reply.task_id for reply in replies]

    ids = awaited(in_database(redis_url, _EMPTY), send)

    waiting = lonely._redis.lrange(QUEUE, 0, -1)
    assert [json.loads(text)["headers"]["id"] for text in reversed(waiting)] == ids


def awaited_replies(url: str) -> object:
    return awaited(
        url, lambda own: own.send_all(own.row.request("t", str(n)) for n in range(1_200))
    )


def blocking_replies(url: str) -> object:
    with Client(url) as own:
        return own.send_all(own.row.request("t", str(n)) for n in range(1_200))


@pytest.mark.parametrize("send", [blocking_replies, awaited_replies])
def test_who_sends_many_to_a_broker_that_goes_keeps_the_replies_of_what_it_took(
    send: Callable[[str], object],
) -> None:
    with leaving_broker() as url, pytest.raises(PartlySentError, match="has taken 500") as caught:
        send(url)

    taken, unsure = caught.value.taken, caught.value.unsure
    assert (len(taken), len(unsure)) == (500, 500)
    assert len({reply.task_id for reply in taken + unsure}) == 1_000


def test_a_reply_can_be_read_twice(client: Client, table: str) -> None:
    reply = client.rows.delay(table, ["row_0003", "row_0004"], ["website"])

    assert reply.get() == reply.get()


def test_a_table_gives_the_totals_of_its_run(client: Client, world: World) -> None:
    totals = client.table(world.make_table(5), ["website"])

    assert (totals.state, totals.rows) == ("done", 5)


def test_fifty_callers_of_one_client_get_each_their_own(client: Client, table: str) -> None:
    def ask(number: int) -> set[str]:
        column = ENRICHED[number % len(ENRICHED)]
        return set(client.row(table, f"row_{number % 20 + 1:04d}", [column])) ^ {column}

    with ThreadPoolExecutor(50) as pool:
        assert list(pool.map(ask, range(50))) == [set()] * 50


def test_asyncio_awaits_many_at_once(broker_url: str, table: str) -> None:
    async def ask(own: AsyncClient) -> list[str]:
        cells = (own.cell(table, f"row_{n:04d}", "city") for n in range(5, 15))
        return [cell.state for cell in await asyncio.gather(*cells)]

    assert len(awaited(broker_url, ask)) == 10


@pytest.mark.parametrize("form", [str, celery_url], ids=["redis-py", "celery"])
def test_an_address_is_read_in_either_form(
    broker_url: str, table: str, form: Callable[[str], str]
) -> None:
    with Client(form(broker_url), timeout_s=90.0) as own:
        assert own.cell(table, "row_0016", "city").state


def test_what_a_worker_refuses_says_the_way_out(client: Client, table: str) -> None:
    with pytest.raises(RefusedError, match="did you mean 'industry'"):
        client.cell(table, "row_0001", "industri")


def test_asyncio_hears_a_refusal_too(broker_url: str, table: str) -> None:
    with pytest.raises(RefusedError, match="there is no row"):
        awaited(broker_url, lambda own: own.cell(table, "row_9999", "industry"))


def test_without_a_worker_the_error_says_that_nobody_took_it(lonely: Client) -> None:
    with pytest.raises(NoAnswerError, match=r"no worker has taken it: 1 messages wait") as caught:
        lonely.cell("t", "r", "c")

    assert not caught.value.is_taken


def test_a_task_that_was_taken_is_told_from_one_that_waits(lonely: Client) -> None:
    reply = lonely.cell.delay("t", "r", "c")
    lonely._redis.rpop("enrich.ingest")  # as a worker does that is slow

    with pytest.raises(NoAnswerError, match="a worker has taken it") as caught:
        reply.get()

    assert caught.value.is_taken


def test_asyncio_says_so_as_well(lonely: Client, redis_url: str) -> None:
    async def ask(own: AsyncClient) -> Any:
        reply = await own.cell.delay("t", "r", "c")
        return await reply.get(timeout_s=0.2)

    with pytest.raises(NoAnswerError, match="no worker has taken it"):
        awaited(in_database(redis_url, _EMPTY), ask)


@pytest.mark.parametrize(
    "url", ["redis://:secret@127.0.0.1:9/0", "redis+socket:///nowhere/v.sock?virtual_host=0"]
)
def test_without_a_broker_nothing_is_sent_and_no_password_told(url: str) -> None:
    with Client(url) as own, pytest.raises(BrokerDownError, match="does not answer") as caught:
        own.cell("t", "r", "c")

    assert "secret" not in str(caught.value)


def test_asyncio_without_a_broker_says_so() -> None:
    with pytest.raises(BrokerDownError, match="while sending"):
        awaited("redis://127.0.0.1:9/0", lambda own: own.cell("t", "r", "c"))


def test_a_wrong_address_is_refused_without_being_told() -> None:
    with pytest.raises(BadInputError, match=r"broker_url.*write redis://") as caught:
        Client("amqp://user:secret@host")

    assert "secret" not in str(caught.value)


def test_a_service_ends_without_a_word(broker_url: str, table: str) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", SERVICE, broker_url, table],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[1] == "[]"
