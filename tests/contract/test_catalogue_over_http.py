"""Every provider of the catalogue through real HTTP: its vendor's words become what its file says.

The simulator speaks as the file's examples do, and the real client asks it.
"""

from collections.abc import Iterator

import pytest

from enrich.domain.outcome import Found, OutcomeKind
from enrich.domain.provider import Answer, Query
from enrich.domain.values import JsonObject
from enrich.ports.outside import Deadline
from providers.base import SystemClock
from providers.catalogued import elsewhere
from providers.credentials import StoredCredentials
from providers.http import HttpClient
from providers.http_provider import HttpProvider
from providers.simulator import Behaviour, Simulator
from providers.simulator.answers import shown_by
from providers.simulator.dialect import example_of
from providers.simulator.many import can_answer_many
from providers.spec import HttpSpec, load_catalogue
from providers.spec.answers import Example
from providers.spec.checking import without_example
from providers.spec.checking_many import lacks_many
from providers.spec.model import Auth

_LIMIT_S = 60.0


def _asked(spec: HttpSpec) -> HttpSpec:
    """Ask also what is gone by now, and send a key as it is: an example replayed gives no token."""
    auth = spec.auth
    if auth.kind == "oauth2":
        auth = Auth(kind="bearer", credential=auth.credential)
    there = elsewhere(spec, "http://127.0.0.1:1")
    return there.model_copy(update={"state": "active", "auth": auth})


_ASKED = tuple(_asked(spec) for spec in load_catalogue())
_EXAMPLES = [
    pytest.param(spec, number, id=f"{spec.name}-{example.name}")
    for spec in _ASKED
    for number, example in enumerate(spec.example)
]
_BULK_EXAMPLES = [
    pytest.param(spec, number, id=f"{spec.name}-{example.name}")
    for spec in _ASKED
    for number, example in enumerate(spec.bulk.example if spec.bulk else ())
]
_EACH = pytest.mark.parametrize("spec", _ASKED, ids=lambda spec: spec.name)
_MANY = pytest.mark.parametrize(
    "spec", [spec for spec in _ASKED if can_answer_many(spec)], ids=lambda spec: spec.name
)


@pytest.fixture(scope="module")
def client() -> Iterator[HttpClient]:
    """The real client."""
    client = HttpClient(contact="tests@example.com")
    yield client
    client.close()


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    """Every vendor of the catalogue, knowing everything, without limits."""
    with Simulator(_ASKED, Behaviour(limits=False)) as simulator:
        yield simulator


@pytest.fixture(scope="module")
def ignorant() -> Iterator[Simulator]:
    """The same vendors, knowing nothing."""
    with Simulator(_ASKED, Behaviour(limits=False, coverage=0.0)) as simulator:
        yield simulator


def _ask(spec: HttpSpec, client: HttpClient, base_url: str, *rows: JsonObject) -> list[Answer]:
    credentials = StoredCredentials({spec.credential or "nobody": "key-of-tests"})
    provider = HttpProvider(spec, client=client, credentials=credentials, base_url=base_url)
    queries = [Query(row=number, inputs=inputs) for number, inputs in enumerate(rows)]
    clock = SystemClock()
    return list(provider.ask(queries, Deadline(clock.monotonic_s() + _LIMIT_S)))


def _found(answer: Answer) -> JsonObject:
    seen = answer.outcome.observations if isinstance(answer.outcome, Found) else {}
    return {name: one.value for name, one in seen.items()}


def _found_example(spec: HttpSpec) -> Example:
    example = example_of(spec, OutcomeKind.FOUND)
    assert example is not None
    return example


@pytest.mark.parametrize(("spec", "number"), _EXAMPLES)
def test_each_reply_of_a_file_becomes_its_outcome_and_values(
    spec: HttpSpec, number: int, client: HttpClient, simulator: Simulator
) -> None:
    example = spec.example[number]

    (answer,) = _ask(spec, client, simulator.url_of(spec.name, number), example.inputs)

    assert answer.outcome.kind is example.outcome
    assert _found(answer) == (_found(answer) if example.values is None else example.values)


@pytest.mark.parametrize(("spec", "number"), _BULK_EXAMPLES)
def test_each_row_of_a_reply_to_many_gets_its_own_outcome_and_values(
    spec: HttpSpec, number: int, client: HttpClient, simulator: Simulator
) -> None:
    rows = spec.bulk.example[number].rows if spec.bulk else ()
    url = simulator.url_of(spec.name, len(spec.example) + number)

    answers = _ask(spec, client, url, *(row.inputs for row in rows))

    assert [answer.outcome.kind for answer in answers] == [row.outcome for row in rows]
    assert [_found(answer) for answer in answers] == [row.values or {} for row in rows]


@_MANY
def test_rows_of_an_example_are_told_apart_when_they_are_asked_about_together(
    spec: HttpSpec, client: HttpClient, simulator: Simulator
) -> None:
    rows = spec.bulk.example[0].rows[::-1] if spec.bulk else ()

    answers = _ask(spec, client, simulator.url_of(spec.name), *(row.inputs for row in rows))

    assert [_found(answer) for answer in answers] == [row.values or {} for row in rows]


@_EACH
def test_every_outcome_of_a_map_has_a_reply(spec: HttpSpec) -> None:
    assert without_example(spec) == ()
    assert lacks_many(spec) == ""


@_EACH
def test_what_a_file_asks_is_understood(spec: HttpSpec) -> None:
    """A template that cannot be read back would leave the vendor deaf."""
    assert shown_by(spec) or not spec.request


@_EACH
def test_the_question_of_an_example_is_found_with_its_values(
    spec: HttpSpec, client: HttpClient, simulator: Simulator
) -> None:
    example = _found_example(spec)

    (answer,) = _ask(spec, client, simulator.url_of(spec.name), example.inputs)

    assert _found(answer) == example.values


@_EACH
def test_a_row_that_a_vendor_does_not_know_is_not_found(
    spec: HttpSpec, client: HttpClient, ignorant: Simulator
) -> None:
    example = _found_example(spec)

    (answer,) = _ask(spec, client, ignorant.url_of(spec.name), example.inputs)

    assert answer.outcome.kind is OutcomeKind.NOT_FOUND


@_MANY
def test_many_questions_in_one_call_get_each_its_answer(
    spec: HttpSpec, client: HttpClient, simulator: Simulator
) -> None:
    row = _found_example(spec).inputs
    before = simulator.ledger.calls(spec.name)

    answers = _ask(spec, client, simulator.url_of(spec.name), row, row)

    assert [answer.outcome.kind for answer in answers] == [OutcomeKind.FOUND] * 2
    assert simulator.ledger.calls(spec.name) - before == 1
