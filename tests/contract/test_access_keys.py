"""Keys of the API: kept by hash, found by prefix, ended once."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from enrich.domain.access import AccessKey, Scope
from enrich.errors import BadInputError
from enrich.ports.access import AccessKeys
from enrich.store.access_keys import PostgresAccessKeys
from enrich.store.access_keys_memory import MemoryAccessKeys
from tests.store_fixtures import NOW


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.servers)])
def keys(request: pytest.FixtureRequest) -> Iterator[AccessKeys]:
    """Keep keys in each of the two ways."""
    if request.param == "memory":
        yield MemoryAccessKeys(lambda: NOW)
    else:
        yield PostgresAccessKeys(request.getfixturevalue("walled_engine"))


def key(prefix: str, *, tenant: str = "acme", age: timedelta = timedelta()) -> AccessKey:
    return AccessKey(
        prefix=prefix,
        tenant=tenant,
        name="the website",
        scopes=frozenset({Scope.READ, Scope.ENRICH}),
        created_at=NOW - age,
        expires_at=NOW + timedelta(days=30),
    )


def test_a_key_is_found_with_its_hash(keys: AccessKeys) -> None:
    keys.add(key("aaaaaaaa"), secret_hash="cafe")

    assert keys.find("aaaaaaaa") == (key("aaaaaaaa"), "cafe")


def test_an_unknown_prefix_finds_nothing(keys: AccessKeys) -> None:
    assert keys.find("nobodys0") is None


def test_a_prefix_is_given_once(keys: AccessKeys) -> None:
    keys.add(key("aaaaaaaa"), secret_hash="cafe")

    with pytest.raises(BadInputError):
        keys.add(key("aaaaaaaa", tenant="other"), secret_hash="beef")


def test_a_tenant_lists_its_own_and_the_newest_first(keys: AccessKeys) -> None:
    keys.add(key("old00000", age=timedelta(days=2)), secret_hash="1")
    keys.add(key("new00000"), secret_hash="2")
    keys.add(key("theirs00", tenant="other"), secret_hash="3")

    assert [k.prefix for k in keys.all("acme")] == ["new00000", "old00000"]
    assert {k.prefix for k in keys.all()} == {"new00000", "old00000", "theirs00"}


def test_a_key_is_revoked_once_and_valid_no_more(keys: AccessKeys) -> None:
    keys.add(key("aaaaaaaa"), secret_hash="cafe")

    assert [keys.revoke("aaaaaaaa"), keys.revoke("aaaaaaaa"), keys.revoke("nobodys0")] == [
        True,
        False,
        False,
    ]
    found = keys.find("aaaaaaaa")
    assert found
    assert not found[0].is_valid(NOW)


@pytest.mark.parametrize(
    ("moment", "valid"),
    [
        pytest.param(timedelta(days=30, seconds=-1), True, id="a second before its end"),
        pytest.param(timedelta(days=30), False, id="at its end"),
    ],
)
def test_a_key_ends_at_its_moment(moment: timedelta, valid: bool) -> None:
    assert key("aaaaaaaa").is_valid(NOW + moment) is valid
