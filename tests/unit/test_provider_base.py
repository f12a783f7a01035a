"""What all local providers share."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from enrich.domain.outcome import NotFound, Outcome, Skipped
from enrich.domain.provider import ProviderSpec, Query, Tier
from enrich.domain.values import JsonObject
from enrich.ports.outside import Deadline
from providers.base import DEADLINE, LocalProvider, Once, observed
from tests.asking import HandClock, far_deadline

_SPEC = ProviderSpec(
    name="echo", version="1", tier=Tier.FREE, gives={"city": 0.9}, inputs=(frozenset({"city"}),)
)
_QUERIES = [Query(row=row, inputs={"city": f"City {row}"}) for row in range(4)]


def test_answers_come_in_the_order_of_the_queries_with_their_own_time() -> None:
    clock = HandClock()

    def read(_: None, inputs: JsonObject) -> Outcome:
        clock.sleep(0.5)
        return observed({"city": 0.9}, inputs)

    provider = LocalProvider(_SPEC, load=lambda: None, read=read, clock=clock)
    answers = provider.ask(_QUERIES, far_deadline())

    assert [(answer.latency_s, answer.calls) for answer in answers] == [(0.5, 0)] * 4
    assert [answer.outcome for answer in answers] == [
        observed({"city": 0.9}, query.inputs) for query in _QUERIES
    ]


def test_the_first_question_is_answered_however_long_its_data_took_to_load() -> None:
    clock = HandClock()
    provider = LocalProvider(
        _SPEC, load=lambda: clock.sleep(9.0), read=lambda _, __: NotFound(), clock=clock
    )

    answers = provider.ask(_QUERIES, Deadline(2.0))

    assert [answer.outcome for answer in answers] == [NotFound()] * 4


def test_without_time_no_data_are_loaded() -> None:
    loads: list[int] = []
    provider = LocalProvider(
        _SPEC, load=lambda: loads.append(1), read=lambda _, __: NotFound(), clock=HandClock()
    )

    answers = provider.ask(_QUERIES, Deadline(0.0))

    assert {answer.outcome for answer in answers} == {Skipped(DEADLINE)}
    assert loads == []


def test_a_bug_in_a_provider_is_not_hidden() -> None:
    def read(_: None, inputs: JsonObject) -> NotFound:
        raise ZeroDivisionError

    provider = LocalProvider(_SPEC, load=lambda: None, read=read)

    with pytest.raises(ZeroDivisionError):
        provider.ask(_QUERIES, far_deadline())


def test_eight_threads_that_ask_first_at_once_load_the_data_once() -> None:
    loads: list[int] = []
    start = threading.Barrier(8, timeout=60)

    def load() -> object:
        loads.append(1)
        return object()

    once = Once(load)

    def first_ask(_: int) -> object:
        start.wait()
        return once()

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(first_ask, range(8)))

    assert loads == [1]
    assert len(set(map(id, answers))) == 1


def test_blank_values_are_no_observations() -> None:
    assert observed({"city": 0.9, "products": 0.9}, {"city": " ", "products": []}) == NotFound()
