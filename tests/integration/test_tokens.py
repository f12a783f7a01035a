"""Tokens for a client's credential (OAuth 2), from a simulated vendor over real HTTP."""

import logging
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from enrich.domain.outcome import OutcomeKind, Unauthorized
from enrich.domain.provider import Answer, Query
from providers.catalogued import elsewhere
from providers.credentials import StoredCredentials
from providers.http import HttpClient
from providers.http_provider import HttpProvider
from providers.simulator import Behaviour, Simulator
from providers.spec import load_catalogue
from tests.asking import HandClock, far_deadline

(_SNOV,) = [spec for spec in load_catalogue() if spec.name == "snov"]
_BEHAVIOUR = Behaviour(keys=("client-7:hush-hush",), limits=False)
_THREADS = 16


@pytest.fixture
def client() -> Iterator[HttpClient]:
    """The real client."""
    client = HttpClient()
    yield client
    client.close()


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    """A vendor that knows one client."""
    with Simulator([_SNOV], _BEHAVIOUR) as simulator:
        yield simulator


def provider_at(
    url: str, client: HttpClient, clock: HandClock, *, secret: str = "hush-hush"
) -> HttpProvider:
    credentials = StoredCredentials({"snov": f"client-7:{secret}"})
    spec = elsewhere(_SNOV, url)
    return HttpProvider(spec, client=client, credentials=credentials, clock=clock)


def ask(provider: HttpProvider, number: int = 0) -> Answer:
    inputs = {"first_name": "Ada", "last_name": f"Example{number}", "domain": "example.org"}
    (answer,) = provider.ask([Query(row=number, inputs={**inputs})], far_deadline())
    return answer


def test_many_threads_share_a_token_and_its_renewal(
    simulator: Simulator, client: HttpClient
) -> None:
    clock = HandClock()
    provider = provider_at(simulator.url, client, clock)
    start = threading.Barrier(_THREADS)

    def asked(number: int) -> OutcomeKind:
        start.wait(timeout=60)
        return ask(provider, number).outcome.kind

    with ThreadPoolExecutor(_THREADS) as pool:
        first = set(pool.map(asked, range(_THREADS)))
        given = simulator.ledger.tokens("snov")
        clock.sleep(3600)
        second = set(pool.map(asked, range(_THREADS)))

    assert first == second == {OutcomeKind.FOUND}
    assert (given, simulator.ledger.tokens("snov")) == (1, 2)
    assert simulator.ledger.calls("snov") == 2 * _THREADS


def test_a_client_that_is_refused_is_unauthorized_and_asks_nothing(
    simulator: Simulator, client: HttpClient
) -> None:
    answer = ask(provider_at(simulator.url, client, HandClock(), secret="wrong"))

    assert answer.outcome == Unauthorized("no token for this credential")
    assert (simulator.ledger.tokens("snov"), simulator.ledger.calls("snov")) == (1, 0)


def test_a_token_that_ended_before_its_time_is_renewed_within_the_call(
    client: HttpClient,
) -> None:
    with Simulator([_SNOV], _BEHAVIOUR) as first:
        port = int(first.url.rpartition(":")[2])
        provider = provider_at(first.url, client, HandClock())
        before = ask(provider).outcome.kind
    # The vendor starts anew, and knows no token of before.
    with Simulator([_SNOV], _BEHAVIOUR, port=port) as second:
        after = ask(provider, 1)

        assert before is after.outcome.kind is OutcomeKind.FOUND
        assert after.calls == 2
        assert second.ledger.tokens("snov") == 1


def test_neither_token_nor_secret_reaches_the_log(
    simulator: Simulator, client: HttpClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        answer = ask(provider_at(simulator.url, client, HandClock()))

    assert answer.outcome.kind is OutcomeKind.FOUND
    assert "token-1" not in caplog.text + repr(answer)
    assert "hush-hush" not in caplog.text + repr(answer)
