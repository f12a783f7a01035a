"""The embedding model over real HTTP, on a server that does what servers do on bad days."""

import base64
import json
import socket
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from enrich.domain.policy import BreakerPolicy
from enrich.errors import EmbedderDownError
from enrich.ports.vectors import Embedder
from enrich.state.breaker_memory import MemoryBreakers
from providers.base import SystemClock
from providers.credentials import StoredCredentials
from providers.embedding.http import HttpEmbedder
from providers.http import HttpClient
from tests.faults.rude_server import Rude, http, rude_server
from tests.ports import reserved_port
from tests.unit.engine_world import Counts

KEY = "sk-canary-0123456789"
TEXTS = ["one", "two", "three"]
ONE = [1.0, 2.0, 3.0]


@pytest.fixture
def rude() -> Iterator[Rude]:
    """The server."""
    with rude_server() as server:
        yield server


@contextmanager
def embedder(rude: Rude, **more: Any) -> Iterator[HttpEmbedder]:
    """Give an embedder of this server with breakers of its own."""
    clock = SystemClock()
    client = HttpClient(clock=clock)
    try:
        yield HttpEmbedder(
            model="m",
            url=rude.url,
            client=client,
            credentials=StoredCredentials({"embeddings": KEY}),
            breakers=MemoryBreakers(BreakerPolicy(), clock=clock, recorder=Counts()),
            clock=clock,
            **{"timeout_s": 60.0, **more},
        )
    finally:
        client.close()


def answer(*vectors: Any) -> bytes:
    """Write what the server says; the last vector comes first."""
    entries = [{"index": place, "embedding": v} for place, v in enumerate(vectors)]
    return http(json.dumps({"data": entries[::-1]}))


def packed(vector: Sequence[float]) -> str:
    """Write a vector as these servers do when asked for base64."""
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


def refusal(by: Embedder, texts: Sequence[str] = TEXTS) -> str:
    """Give the sentence of a model that did not do it."""
    with pytest.raises(EmbedderDownError) as refused:
        by.embed(texts)
    return str(refused.value)


def hang(rude: Rude) -> None:
    """Have it take a request and never answer."""
    rude.says(lambda _: rude.stopped.wait(30) and None)


def test_texts_go_in_batches_and_vectors_come_back_in_their_order(rude: Rude) -> None:
    rude.says(answer([1.0, 0.0], packed([2.0, 0.0])), answer([3.0, 0.0]))
    with embedder(rude, batch_texts=2) as by:
        vectors = by.embed(TEXTS)

    assert [vector[0] for vector in vectors] == [1.0, 2.0, 3.0]
    assert [json.loads(body)["input"] for body in rude.bodies()] == [TEXTS[:2], TEXTS[2:]]
    assert all(f"Authorization: Bearer {KEY}" in request for request in rude.requests)


def test_nothing_to_embed_asks_nobody(rude: Rude) -> None:
    with embedder(rude) as by:
        assert list(by.embed([])) == []

    assert rude.requests == []


@pytest.mark.parametrize(
    ("says", "reason", "asked"),
    [
        pytest.param(http(status="429 Too Many"), "rate_limited", 1, id="429 is not tried again"),
        pytest.param(http(status="500 Oh"), "status 500", 3, id="500 three times"),
        pytest.param(http(status="401 No"), "unauthorized", 1, id="a wrong key"),
        pytest.param(http(status="404 No"), "status 404", 1, id="no such model"),
        pytest.param(answer(ONE), "not as agreed", 1, id="fewer vectors than texts"),
        pytest.param(answer(ONE, ONE, [1.0]), "not as agreed", 1, id="vectors of two lengths"),
        pytest.param(answer([], [], []), "not as agreed", 1, id="vectors of nothing"),
        pytest.param(answer(ONE, ONE, ["x"] * 3), "not as agreed", 1, id="words for numbers"),
        pytest.param(answer(ONE, ONE, "!"), "not as agreed", 1, id="no base64"),
        pytest.param(
            answer(ONE, ONE, packed([float("nan")] * 3)), "not as agreed", 1, id="no number"
        ),
        pytest.param(http("<html>"), "not as agreed", 1, id="R01 an error page"),
        pytest.param(http('{"data": null}'), "not as agreed", 1, id="R03 nothing"),
        pytest.param(http("x" * 600_000), "too large", 1, id="R07 a body of half a megabyte"),
    ],
)
def test_what_is_not_an_answer_is_a_reason(
    rude: Rude, says: bytes, reason: str, asked: int
) -> None:
    rude.says(says)
    with embedder(rude) as by:
        told = refusal(by)

    assert reason in told
    assert KEY not in told
    assert len(rude.requests) == asked


def reads_at_most(rude: Rude, characters: int) -> None:
    """Have it refuse requests with a text that is longer, and answer others by their lengths."""

    def reply(client: socket.socket) -> None:
        texts = json.loads(rude.bodies()[-1])["input"]
        is_fine = all(len(text) <= characters for text in texts)
        fine = answer(*([float(len(text)), 1.0] for text in texts))
        client.sendall(fine if is_fine else http(status="413 Too Large"))

    rude.says(reply)


def test_a_text_that_is_too_long_is_embedded_by_how_it_begins_and_holds_up_no_other(
    rude: Rude,
) -> None:
    reads_at_most(rude, 100)
    with embedder(rude) as by:
        vectors = by.embed(["x" * 10, "y" * 700, "z" * 20])

    assert [vector[0] for vector in vectors] == [10.0, 87.0, 20.0]


def test_a_server_that_refuses_whatever_it_is_told_is_given_up(rude: Rude) -> None:
    rude.says(http(status="400 No"))
    with embedder(rude) as by:
        assert "status 400" in refusal(by, ["x" * 8_000] * 8)

    # Three times in halves, then alone, then seven times shorter.
    assert len(rude.requests) == 3 + 1 + 7


def test_a_server_that_refuses_everything_is_left_alone(rude: Rude) -> None:
    rude.says(http(status="400 No"))
    with embedder(rude) as by:
        told = [refusal(by, ["one"]) for _ in range(20)]

    assert "left alone" in told[-1]


def test_an_answer_after_two_failures_is_taken(rude: Rude) -> None:
    rude.says(http(status="500 Oh"), http(status="503 Oh"), answer(ONE))
    with embedder(rude) as by:
        assert [list(vector) for vector in by.embed(["one"])] == [ONE]


def test_a_server_that_hangs_is_given_up_at_the_deadline(rude: Rude) -> None:
    hang(rude)
    with embedder(rude, timeout_s=0.2) as by:
        assert "timed out" in refusal(by)


def test_a_server_that_is_not_there_is_a_reason() -> None:
    with reserved_port() as port, embedder(Rude(f"http://127.0.0.1:{port}")) as by:
        assert "the embedding model 'm'" in refusal(by)


def test_a_server_that_fails_on_and_on_is_left_alone(rude: Rude) -> None:
    rude.says(http(status="404 No"))
    with embedder(rude) as by:
        told = [refusal(by, ["one"]) for _ in range(20)]
        asked = len(rude.requests)
        refusal(by, ["one"])

    assert "left alone" in told[-1]
    assert len(rude.requests) == asked


def test_a_server_that_says_too_many_is_left_alone(rude: Rude) -> None:
    rude.says(http(status="429 Too Many"))
    with embedder(rude) as by:
        refusal(by)

        assert "left alone" in refusal(by)

    assert len(rude.requests) == 1


def test_each_model_has_a_breaker_of_its_own(rude: Rude) -> None:
    rude.says(http(status="401 No"), answer(ONE))
    with embedder(rude) as by:
        refusal(by)
        other = HttpEmbedder(
            model="other",
            url=rude.url,
            client=by.client,
            credentials=StoredCredentials({}),
            breakers=by.breakers,
            clock=by.clock,
        )

        assert len(other.embed(["one"])) == 1
        assert "left alone" in refusal(by)
