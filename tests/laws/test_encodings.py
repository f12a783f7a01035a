"""Whatever is stored or sent comes back as it was."""

import json
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from enrich.domain import outcome as o
from enrich.domain.keys import digest, digests, input_key, redis_key
from enrich.domain.result import CellMetadata, CellResult
from enrich.domain.run import BatchRef, Phase, Step, StepKind
from enrich.domain.values import Json, Observation
from tasks.messages import from_wire, to_wire

moments = st.datetimes(timezones=st.just(UTC), min_value=datetime(2000, 1, 1))  # noqa: DTZ001 - the strategy wants a naive bound
texts = st.text(max_size=20)
values: st.SearchStrategy[Json] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
observations = st.builds(Observation, value=values, confidence=st.floats(0, 1))
outcomes: st.SearchStrategy[o.Outcome] = st.one_of(
    st.builds(o.Found, st.dictionaries(texts, observations, min_size=1, max_size=3)),
    st.builds(o.NotFound),
    st.builds(o.Pending, moments, texts),
    st.builds(o.RateLimited, moments),
    st.builds(o.Skipped, texts, st.none() | moments),
    st.builds(o.CreditsExhausted, st.none() | moments),
    st.builds(o.Gone, texts),
    *(
        st.builds(kind, texts)
        for kind in (o.InvalidInput, o.Unauthorized, o.LegalBlock, o.Unavailable, o.Malformed)
    ),
)
steps = st.builds(
    Step,
    kind=st.sampled_from(StepKind),
    batch=st.builds(
        BatchRef,
        run_id=st.integers(1, 2**40),
        number=st.integers(1, 10**6),
        attempt=st.integers(1, 100),
        phase=st.sampled_from(Phase),
        wave=st.integers(0, 100),
    ),
    providers=st.lists(texts, max_size=3).map(tuple),
    table=texts,
    tenant=texts,
    is_begun=st.booleans(),
)
results = st.builds(
    CellResult,
    value=values,
    confidence=st.floats(0, 1),
    provider=texts,
    state=texts,
    reason=texts,
    metadata=st.builds(
        CellMetadata,
        cache_hit=st.booleans(),
        providers_tried=st.lists(texts, max_size=3).map(tuple),
        cost=st.floats(0, 10),
    ),
)
parts = st.lists(st.text(max_size=8), max_size=5)


@given(outcomes)
def test_an_outcome_survives_its_encoding(outcome: o.Outcome) -> None:
    assert o.outcome_from_json(json.loads(json.dumps(o.outcome_to_json(outcome)))) == outcome


@given(steps)
def test_a_step_survives_the_wire(step: Step) -> None:
    assert from_wire(json.loads(json.dumps(to_wire(step)))) == step


@given(results)
def test_a_result_survives_the_wire(result: CellResult) -> None:
    assert CellResult.from_json(json.loads(json.dumps(result.to_json()))) == result


@given(st.text(max_size=8), st.lists(st.tuples(st.text(max_size=8), st.text(max_size=8))))
def test_many_digests_are_those_of_each(first: str, rest: list[tuple[str, str]]) -> None:
    assert digests(first, rest) == [digest((first, *parts)) for parts in rest]


@given(parts, parts)
def test_different_parts_never_share_a_digest(one: list[str], other: list[str]) -> None:
    assert (digest(one) == digest(other)) == (one == other)


@given(st.dictionaries(texts, values, max_size=4))
def test_the_order_of_inputs_does_not_name_another_question(inputs: dict[str, Json]) -> None:
    backwards = dict(reversed(inputs.items()))

    assert input_key("t", "p", "1", inputs) == input_key("t", "p", "1", backwards)


@given(st.text(min_size=1), st.text(), st.text())
def test_a_redis_key_is_short_and_plain_whatever_the_names(
    kind: str, tenant: str, name: str
) -> None:
    key = redis_key(1, "cell", tenant, digest((kind, name)))

    assert len(key) < 200
    assert key.isascii()
    assert not set(key) & set("\r\n\0 *")


def test_case_and_spaces_of_an_input_do_not_name_another_question() -> None:
    one = input_key("t", "p", "1", {"domain": "Example.COM "})

    assert one == input_key("t", "p", "1", {"domain": "example.com"})


def test_tenants_providers_and_versions_name_other_questions() -> None:
    inputs: dict[str, Json] = {"domain": "example.com"}
    names = {
        input_key(tenant, provider, version, inputs)
        for tenant in "ab"
        for provider in "pq"
        for version in "12"
    }

    assert len(names) == 8
