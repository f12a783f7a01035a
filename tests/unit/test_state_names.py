"""Names of questions and keys of shared state: C11 and C12."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enrich.domain.keys import input_key
from enrich.state.names import key_of, keys_of


def test_c11_inputs_that_differ_in_case_and_spaces_are_one_question() -> None:
    plain = input_key("t", "p", "1", {"domain": "example.com"})

    assert input_key("t", "p", "1", {"domain": "Example.COM "}) == plain


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param(("t", "p", "1", {"a": "b"}), ("u", "p", "1", {"a": "b"}), id="tenant"),
        pytest.param(("t", "p", "1", {"a": "b"}), ("t", "q", "1", {"a": "b"}), id="provider"),
        pytest.param(("t", "p", "1", {"a": "b"}), ("t", "p", "2", {"a": "b"}), id="version"),
        pytest.param(("t", "p", "1", {"a": "b"}), ("t", "p", "1", {"c": "b"}), id="field"),
        pytest.param(("t", "a|b", "c", {"a": 1}), ("t", "a", "b|c", {"a": 1}), id="border"),
    ],
)
def test_c11_questions_that_differ_have_names_that_differ(first: tuple, second: tuple) -> None:  # type: ignore[type-arg]
    assert input_key(*first) != input_key(*second)


@given(st.text(max_size=300), st.text(max_size=300))
def test_c12_a_key_is_short_and_plain_whatever_it_is_about(tenant: str, name: str) -> None:
    key = key_of(1, "response", tenant, name)

    assert len(key.encode()) <= 200
    assert set("*\r\n \0").isdisjoint(key)


@given(st.lists(st.tuples(st.text(max_size=80), st.text(max_size=80)), unique=True))
def test_c13_things_that_differ_have_keys_that_differ(things: list[tuple[str, str]]) -> None:
    keys = {key_of(1, "cell", tenant, name) for tenant, name in things}

    assert len(keys) == len(things)


def test_a_plain_name_can_be_read_in_its_key() -> None:
    assert key_of(2, "cell", "t", "0a1b").endswith(":0a1b}")


@given(st.lists(st.text(alphabet="aZ9_.-~}\n", max_size=70)))
def test_keys_of_many_things_are_those_of_each(names: list[str]) -> None:
    assert keys_of(1, "lease", "t", names) == [key_of(1, "lease", "t", name) for name in names]
