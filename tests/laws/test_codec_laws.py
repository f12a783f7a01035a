"""What is stored comes back as it was."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from enrich.domain.outcome import (
    CreditsExhausted,
    Found,
    Gone,
    InvalidInput,
    LegalBlock,
    Malformed,
    NotFound,
    Outcome,
    Pending,
    RateLimited,
    Skipped,
    Unauthorized,
    Unavailable,
)
from enrich.domain.run import CellFilter, Counts, Force, Response, RunOptions
from enrich.domain.table import CellState, Provenance, Stamp
from enrich.domain.values import Observation
from enrich.store import codec, run_codec

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20)
ANY_TEXT = st.text(st.characters(exclude_categories=[]), max_size=20)
NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
MOMENTS = st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
SHARES = st.floats(0, 1)


def values_of(texts: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    leaves = st.none() | st.booleans() | NUMBERS | texts
    return st.recursive(
        leaves, lambda inner: st.lists(inner) | st.dictionaries(texts, inner), max_leaves=10
    )


PROVENANCES = st.builds(
    Provenance,
    state=st.sampled_from(CellState),
    stamp=st.builds(Stamp, st.integers(0, 2**62), st.integers(0, 99)),
    provider=TEXT,
    confidence=SHARES,
    observed_at=st.none() | MOMENTS,
    support=st.integers(0, 9),
    agreement=SHARES,
    reason=TEXT,
    retry_at=st.none() | MOMENTS,
)

OUTCOMES: st.SearchStrategy[Outcome] = st.one_of(
    st.dictionaries(
        TEXT, st.builds(Observation, value=values_of(TEXT), confidence=SHARES), min_size=1
    ).map(Found),
    st.just(NotFound()),
    st.builds(Pending, MOMENTS, TEXT),
    st.builds(RateLimited, MOMENTS),
    st.builds(CreditsExhausted, st.none() | MOMENTS),
    st.builds(Skipped, TEXT, st.none() | MOMENTS),
    *(st.builds(cls, TEXT) for cls in (InvalidInput, Unauthorized, LegalBlock)),
    *(st.builds(cls, TEXT) for cls in (Unavailable, Malformed, Gone)),
)

RESPONSES = st.builds(
    Response,
    row=st.integers(1, 2**62),
    provider=TEXT,
    provider_version=TEXT,
    input_key=TEXT,
    outcome=OUTCOMES,
    cost_microcredits=st.integers(0, 2**62),
    latency_s=st.floats(0, 1e6),
    observed_at=MOMENTS,
    from_cache=st.booleans(),
    coalesced=st.booleans(),
    stale=st.booleans(),
)

OPTIONS = st.builds(
    RunOptions,
    force=st.sampled_from(Force),
    parallel_probes=st.booleans(),
    ensemble_fusion=st.none() | st.booleans(),
    max_cost_microcredits=st.none() | st.integers(0, 2**62),
    where=st.none()
    | st.builds(
        CellFilter,
        states=st.frozensets(st.sampled_from([*CellState, "empty"]).map(str)),
        observed_before=st.none() | MOMENTS,
        confidence_below=st.none() | SHARES,
    ),
)


def through(value: object) -> Any:
    return json.loads(codec.dumps(value, name="it"))


@given(values_of(TEXT))
def test_a_value_comes_back_as_it_was(value: object) -> None:
    assert through(value) == value


@given(values_of(ANY_TEXT))
def test_every_finite_value_becomes_one_that_postgres_can_hold(value: object) -> None:
    text = codec.dumps(value, name="it")

    assert text.encode()
    assert codec.dumps(json.loads(text), name="it") == text


@given(ANY_TEXT)
def test_cleaning_twice_is_cleaning_once(text: str) -> None:
    once = codec.cleaned(text)

    assert codec.cleaned(once) == once
    assert "\x00" not in once


@given(PROVENANCES)
def test_a_provenance_comes_back_as_it_was(provenance: Provenance) -> None:
    encoded = through(codec.provenance_to_json(provenance))

    assert codec.provenance_from_json(encoded) == provenance


@given(PROVENANCES)
def test_what_a_newer_version_adds_to_a_provenance_is_passed_over(provenance: Provenance) -> None:
    encoded = codec.provenance_to_json(provenance) | {"from_the_future": 1}

    assert codec.provenance_from_json(encoded) == provenance


@given(RESPONSES)
def test_a_response_comes_back_as_it_was(response: Response) -> None:
    assert run_codec.stored_response(response) == response


@given(OPTIONS)
def test_options_come_back_as_they_were(options: RunOptions) -> None:
    assert run_codec.options_from_json(through(run_codec.options_to_json(options))) == options


@given(st.integers(0, 9), st.integers(0, 9))
def test_counts_come_back_as_they_were(filled: int, cost: int) -> None:
    counts = replace(Counts(), filled=filled, cost_microcredits=cost)

    assert run_codec.counts_from_json(through(run_codec.counts_to_json(counts))) == counts
