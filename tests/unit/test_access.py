"""What the interface believes of a key: for half a minute what it was told, and no longer."""

from datetime import timedelta

import pytest

from enrich.api.access import Access
from enrich.domain.access import AccessKey, Scope, key_of, secret_hash
from enrich.store.access_keys_memory import MemoryAccessKeys
from tests.asking import HandClock

WHOLE = key_of("aaaaaaaa", "x" * 43)


@pytest.fixture
def clock() -> HandClock:
    """A clock that only moves when it is moved."""
    return HandClock()


@pytest.fixture
def keys(clock: HandClock) -> MemoryAccessKeys:
    """A store with one key that ends in an hour."""
    made = MemoryAccessKeys(clock.now)
    key = AccessKey(
        prefix="aaaaaaaa",
        tenant="acme",
        name="the website",
        scopes=frozenset({Scope.READ}),
        created_at=clock.now(),
        expires_at=clock.now() + timedelta(hours=1),
    )
    made.add(key, secret_hash=secret_hash(WHOLE))
    return made


def test_a_revoked_key_opens_nothing_a_minute_later(
    keys: MemoryAccessKeys, clock: HandClock
) -> None:
    access = Access(keys, None, clock)
    assert access.principal(WHOLE)

    keys.revoke("aaaaaaaa")
    clock.sleep(60.0)

    assert access.principal(WHOLE) is None


def test_a_key_that_is_asked_for_all_the_time_is_looked_up_all_the_same(
    keys: MemoryAccessKeys, clock: HandClock
) -> None:
    access = Access(keys, None, clock)
    access.principal(WHOLE)
    keys.revoke("aaaaaaaa")

    opened = [_after(access, clock, 10.0) for _ in range(6)]

    assert opened[-3:] == [False, False, False]


def test_a_key_ends_at_its_moment_though_it_is_remembered(
    keys: MemoryAccessKeys, clock: HandClock
) -> None:
    access = Access(keys, None, clock)
    clock.sleep(3_590.0)
    assert access.principal(WHOLE)

    clock.sleep(10.0)

    assert access.principal(WHOLE) is None


@pytest.mark.parametrize(
    "credential",
    [
        pytest.param(key_of("aaaaaaaa", "y" * 43), id="another secret"),
        pytest.param(key_of("bbbbbbbb", "x" * 43), id="another prefix"),
        pytest.param(WHOLE[:-1], id="a letter short"),
        pytest.param("", id="nothing"),
    ],
)
def test_what_is_not_the_key_opens_nothing(
    keys: MemoryAccessKeys, clock: HandClock, credential: str
) -> None:
    assert Access(keys, None, clock).principal(credential) is None


def _after(access: Access, clock: HandClock, seconds: float) -> bool:
    clock.sleep(seconds)
    return access.principal(WHOLE) is not None
