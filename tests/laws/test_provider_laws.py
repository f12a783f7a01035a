"""Laws that local providers and names of columns keep, whatever they are given."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from enrich.domain.fields import column_key, field_of_header
from enrich.domain.normalise.country_names import country_names, fold_place
from enrich.domain.outcome import Found, Outcome
from enrich.domain.provider import Query
from enrich.domain.values import JsonObject
from enrich.ports.outside import Provider
from providers.local.company_names import base_name, name_key
from providers.registry import select
from tests.asking import answer_of, far_deadline, values_of

_LOCAL = select()
_EACH = pytest.mark.parametrize("provider", _LOCAL.values(), ids=_LOCAL.keys())
_TEXT = st.text(max_size=40)
_calm = settings(deadline=None, max_examples=60)


@given(_TEXT)
@example("x" * 62 + " y")
def test_a_column_key_is_safe_and_making_it_twice_is_making_it_once(header: str) -> None:
    key = column_key(header)

    assert key.isascii()
    assert key.isidentifier()
    assert len(key) <= 63
    assert column_key(key) == key


@given(_TEXT)
def test_a_header_and_its_key_mean_the_same_field(header: str) -> None:
    field = field_of_header(header)

    assert field is None or field_of_header(column_key(header)) == field


@given(_TEXT)
def test_folding_a_place_twice_is_folding_it_once(text: str) -> None:
    assert fold_place(fold_place(text)) == fold_place(text)


@given(st.sampled_from(sorted(country_names().codes)))
def test_a_country_keeps_its_code_in_capitals_and_with_spaces(name: str) -> None:
    names = country_names()

    assert names.code_of(f" {name.upper()} ") == names.code_of(name)


@given(_TEXT)
def test_a_company_s_name_never_loses_its_last_word(name: str) -> None:
    assert bool(base_name(name)) == bool(name.strip(" ,;&-\t\n\r\x0b\x0c").split())


@given(_TEXT)
def test_capitals_and_spaces_never_make_another_company(name: str) -> None:
    assert name_key(f"  {name} ") == name_key(name)


@_calm
@given(
    st.integers(min_value=2_000_000, max_value=9_999_999_999), st.sampled_from(["US", "GB", "DE"])
)
def test_a_telephone_number_in_e164_stays_itself(number: int, country: str) -> None:
    phones = _LOCAL["phone_numbers"]
    once = values_of(phones, phone=str(number), country_code=country).get("phone_e164")

    assert once is None or values_of(phones, phone=once)["phone_e164"] == once


@_calm
@given(_TEXT)
def test_a_registrable_domain_is_its_own(website: str) -> None:
    for name in ("domains_tldextract", "domains_publicsuffix"):
        once = values_of(_LOCAL[name], website=website).get("domain")

        assert once is None or values_of(_LOCAL[name], website=once)["domain"] == once


@_EACH
@_calm
@given(st.data())
def test_no_text_makes_a_provider_raise_or_leave_its_fields(
    provider: Provider, data: st.DataObject
) -> None:
    inputs = {field: data.draw(_TEXT, label=field) for field in min(provider.spec.inputs, key=len)}
    outcome = answer_of(provider, **inputs)

    if isinstance(outcome, Found):
        assert outcome.observations.keys() <= provider.spec.gives.keys()


_QUESTIONS: JsonObject = {
    "company_name": "Nokia Oyj",
    "ticker": "NOK",
    "website": "https://www.nokia.com",
    "email": "info@nokia.com",
    "phone": "+358 10 4488 000",
    "country": "Finland",
    "headquarters": "Espoo, Finland",
    "full_name": "Dr. Jane van Doe",
    "industry": "Commercial Banking",
    "isin": "FI0009000681",
}


@_EACH
def test_eight_threads_hear_the_same(provider: Provider) -> None:
    start = threading.Barrier(8, timeout=60)
    queries = [Query(row=row, inputs=provider.spec.inputs_of(_QUESTIONS)) for row in range(5)]

    def ask(_: int) -> Sequence[Outcome]:
        start.wait()
        return [answer.outcome for answer in provider.ask(queries, far_deadline())]

    with ThreadPoolExecutor(8) as pool:
        heard = list(pool.map(ask, range(8)))

    assert all(outcomes == heard[0] for outcomes in heard)
