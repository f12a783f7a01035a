"""What was said becomes votes: how values are read, and what is written of them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from enrich.domain.ballots import fuse_cell, key_of_value, votes_of
from enrich.domain.fusion import Fused, Judge, TrustState, fuse
from enrich.domain.learning import Evidence, learn
from enrich.domain.outcome import Found, NotFound
from enrich.domain.policy import FusionMethod, FusionPolicy
from enrich.domain.reading import context_of
from enrich.domain.run import Response
from enrich.domain.table import Column, Row
from enrich.domain.values import Json, Observation

AT = datetime(2026, 5, 1, tzinfo=UTC)
BEST = FusionPolicy()


def said(field: str, values: Mapping[str, Json]) -> list[Response]:
    return [
        Response(
            row=1,
            provider=name,
            provider_version="1",
            input_key=name,
            outcome=Found({field: Observation(value=value, confidence=0.8)}),
            observed_at=AT,
        )
        for name, value in values.items()
    ]


def fused(field: str, *values: Json, policy: FusionPolicy = BEST, **row: Json) -> Fused:
    columns = [Column(key=name, field=name) for name in row]
    heard = said(field, dict(zip("abcdef", values, strict=False)))
    column = Column(key=field, field=field, min_confidence=0.0)
    found = fuse_cell(column, heard, {}, policy, row=a_row(row), columns=columns)
    assert found is not None
    return found


def a_row(data: Mapping[str, Json]) -> Row:
    return Row(id=1, key="r1", data=dict(data), cells={})


@pytest.mark.parametrize(
    "values",
    [
        pytest.param(["Tools", "tools", "Retail"], id="short"),
        pytest.param(["Tools " * 40, "tools " * 40, "Retail"], id="too long to remember"),
        pytest.param([1, "1", True], id="not all texts"),
        pytest.param(["n/a", "Retail"], id="one says nothing"),
    ],
)
@pytest.mark.parametrize("method", [FusionMethod.BEST, FusionMethod.ENSEMBLE])
def test_what_was_decided_before_is_decided_alike_with_the_moments_of_its_own_row(
    values: Sequence[Json], method: FusionMethod
) -> None:
    policy, column = FusionPolicy(method=method), Column(key="industry", field="industry")
    heard = said("industry", dict(zip("abc", values, strict=False)))
    later = [replace(one, observed_at=AT + timedelta(days=n)) for n, one in enumerate(heard, 1)]
    fuse_cell(column, heard, {}, policy)

    again = fuse_cell(column, later, {}, policy)

    anew = fuse(
        votes_of(column, later, {}), policy, min_confidence=column.min_confidence, field="industry"
    )
    assert again == anew


@pytest.mark.parametrize("method", [FusionMethod.BEST, FusionMethod.ENSEMBLE])
def test_a_value_is_as_old_as_the_answer_that_gave_it(method: FusionMethod) -> None:
    (found,) = said("industry", {"a": "Tools"})
    nothing = replace(found, input_key="less", outcome=NotFound(), observed_at=AT + timedelta(1))

    decided = fuse_cell(
        Column(key="industry", field="industry"), [nothing, found], {}, FusionPolicy(method=method)
    )

    assert decided is not None
    assert decided.observed_at == AT


@pytest.mark.parametrize(
    ("field", "given", "written"),
    [
        pytest.param("phone", "+41 44 632 11 11", "+41446321111", id="phone"),
        pytest.param("domain", "https://www.Acme.com/about", "acme.com", id="domain"),
        pytest.param("country", "Deutschland", "Germany", id="country"),
        pytest.param("employees", "1,200", "1200", id="number as text"),
        pytest.param("employees", 1200, 1200, id="whole number"),
        pytest.param("revenue", 1200.5, 1200.5, id="fraction"),
        pytest.param("vat_is_valid", True, True, id="flag"),
        pytest.param("languages", ["German", "French"], ["German", "French"], id="list"),
        pytest.param("company_name", "  Acme   Corp. ", "Acme Corp.", id="name"),
    ],
)
def test_value_is_written_as_its_field_is_and_keeps_its_kind(
    field: str, given: Json, written: Json
) -> None:
    found = fused(field, given).value

    assert (found, type(found)) == (written, type(written))


def test_raw_value_stays_in_the_vote() -> None:
    (vote,) = votes_of(Column(key="domain", field="domain"), said("domain", {"a": "ACME.com"}), {})

    assert (vote.value, vote.raw) == ("acme.com", "ACME.com")


@pytest.mark.parametrize("method", list(FusionMethod))
def test_unreadable_values_count_only_where_no_other_is(method: FusionMethod) -> None:
    policy = FusionPolicy(method=method)

    mixed = fused("email", "ask the desk", "ask the desk", "info@acme.com", policy=policy)
    alone = fused("email", "ask the desk", policy=policy)

    assert (mixed.value, len(mixed.candidates)) == ("info@acme.com", 1)
    assert alone.value == "ask the desk"


@pytest.mark.parametrize(
    "row", [{"country": "Switzerland"}, {"country_code": "CH"}], ids=["name", "code"]
)
def test_numbers_are_dialled_as_in_the_country_of_the_row(row: dict[str, Json]) -> None:
    assert fused("phone", "044 632 11 11", **row).value == "+41446321111"


def test_bare_amount_is_in_the_one_currency_that_others_name() -> None:
    assert fused("revenue", "€ 5 million", 5_000_000).support == 2
    assert fused("revenue", "€ 5 million", "$ 5 million", 5_000_000).support == 1


def test_date_without_a_year_is_of_the_year_in_which_it_was_given() -> None:
    heard = said("domain_expires_on", {"a": "3 December", "b": "2026-12-03"})
    context = context_of("domain_expires_on", heard)

    keys = {key_of_value("domain_expires_on", text, context) for text in ("3 Dec", "2026-12-03")}
    assert len(keys) == 1


def state_of(field: str, cells: Sequence[Mapping[str, Json]]) -> TrustState:
    column = Column(key=field, field=field)
    return learn(Evidence(field=field, votes=votes_of(column, said(field, c), {})) for c in cells)


def learned(state: TrustState) -> FusionPolicy:
    return FusionPolicy(method=FusionMethod.LEARNED, judge=Judge(state))


def test_who_leaves_out_zeros_is_found_without_labels_and_put_right() -> None:
    amounts = [1_234_567_000 + 7_654_000 * number for number in range(12)]
    policy = learned(state_of("revenue", [{"a": n, "b": n, "c": n // 1000} for n in amounts]))

    whole = fused("revenue", 5_000_000, 5_000_000, 5_000, policy=policy)
    alone = fused("revenue", None, None, 5_000, policy=policy)

    assert (whole.value, whole.support) == (5_000_000, 3)
    assert (alone.value, type(alone.value)) == (5_000_000, int)


def test_who_writes_the_day_first_is_found_and_read_so() -> None:
    cells = [{"a": f"2021-04-{day:02}", "b": f"{day:02}/04/2021"} for day in range(1, 29)]
    policy = learned(state_of("domain_registered_on", cells))

    found = fused("domain_registered_on", "2020-04-03", "03/04/2020", policy=policy)

    assert (found.support, len(found.candidates)) == (2, 1)


def test_what_is_known_of_notations_changes_no_counted_fusion() -> None:
    amounts = [1_234_567_000 + 7_654_000 * number for number in range(12)]
    policy = learned(state_of("revenue", [{"a": n, "b": n, "c": n // 1000} for n in amounts]))

    found = fused("revenue", None, None, 5_000, policy=replace(policy, method=FusionMethod.BEST))

    assert found.value == 5_000
