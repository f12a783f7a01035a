"""The keys of providers, in memory and in PostgreSQL: sealed, and of one row only."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest
from sqlalchemy import text

from enrich.domain.secret import Secret
from enrich.errors import BadInputError, SealedError
from enrich.ports import CredentialStore
from enrich.store.credentials import PostgresCredentialStore
from enrich.store.memory_credentials import MemoryCredentialStore
from enrich.store.sealing import Sealer, new_seal_key

CANARY = "canary-of-hunter-0123456789"
FIRST, SECOND = Secret(CANARY), Secret("second-key")
_MOVE = """
    INSERT INTO tenants VALUES ('b') ON CONFLICT DO NOTHING;
    UPDATE credentials SET tenant_id = 'b'
"""


@dataclass
class Kept:
    """A store, the keys that it seals with, what it holds, and a way to tamper with it."""

    store: CredentialStore
    ring: list[Secret]
    stored: Callable[[], str]
    move_to_b: Callable[[], None]
    moved: list[str] = field(default_factory=list)


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.servers)])
def kept(request: pytest.FixtureRequest) -> Kept:
    """An empty store: first the twin, then the real thing."""
    ring = [Secret(new_seal_key())]
    sealer = Sealer(lambda: tuple(ring))
    if request.param == "memory":
        memory = MemoryCredentialStore(sealer)

        def moved() -> None:
            memory.rows = {("b", *place[1:]): row for place, row in memory.rows.items()}

        return Kept(memory, ring, lambda: repr(memory.rows), moved)
    engine = request.getfixturevalue("clean_engine")

    def all_rows() -> str:
        with engine.connect() as connection:
            return repr(connection.execute(text("SELECT * FROM credentials")).all())

    def tampered() -> None:
        with engine.begin() as connection:
            connection.exec_driver_sql(_MOVE)

    return Kept(PostgresCredentialStore(engine, sealer), ring, all_rows, tampered)


def _names(kept: Kept) -> Sequence[tuple[str, str, str]]:
    return [(one.tenant, one.credential, one.name) for one in kept.store.all()]


def test_keys_are_given_back_in_the_order_in_which_they_were_added(kept: Kept) -> None:
    kept.store.add("a", "hunter", "z", FIRST)
    kept.store.add("a", "hunter", "b", SECOND)

    assert kept.store.keys("a", "hunter") == (FIRST, SECOND)


def test_a_tenants_keys_are_its_own(kept: Kept) -> None:
    kept.store.add("a", "hunter", "main", FIRST)

    assert kept.store.keys("b", "hunter") == ()
    assert kept.store.keys("a", "apollo") == ()


def test_what_is_stored_tells_no_key(kept: Kept) -> None:
    kept.store.add("a", "hunter", "main", FIRST)

    assert "hunter" in kept.stored()
    assert CANARY not in kept.stored()


def test_a_key_of_the_same_name_is_replaced(kept: Kept) -> None:
    was_new = kept.store.add("a", "hunter", "main", FIRST)
    is_new = kept.store.add("a", "hunter", "main", SECOND)

    assert (was_new, is_new) == (True, False)
    assert kept.store.keys("a", "hunter") == (SECOND,)


def test_a_key_that_was_moved_to_another_tenant_does_not_open(kept: Kept) -> None:
    kept.store.add("a", "hunter", "main", FIRST)

    kept.move_to_b()

    assert _names(kept) == [("b", "hunter", "main")]
    assert kept.store.keys("b", "hunter") == ()
    with pytest.raises(SealedError, match="belongs to another row"):
        kept.store.reseal()


def test_one_key_or_all_of_a_credential_are_removed(kept: Kept) -> None:
    for name in ("one", "two", "three"):
        kept.store.add("a", "hunter", name, FIRST)

    assert kept.store.remove("a", "hunter", "two") == 1
    assert kept.store.remove("b", "hunter") == 0
    assert kept.store.remove("a", "hunter") == 2
    assert kept.store.references() == frozenset()


def test_what_there_is_can_be_listed(kept: Kept) -> None:
    kept.store.add("b", "hunter", "main", FIRST)
    kept.store.add("a", "apollo", "main", SECOND)

    assert _names(kept) == [("a", "apollo", "main"), ("b", "hunter", "main")]
    assert [one.secret for one in kept.store.all("b")] == [FIRST]
    assert kept.store.references() == {"apollo", "hunter"}


def test_after_a_rotation_the_old_key_opens_nothing(kept: Kept) -> None:
    kept.store.add("a", "hunter", "main", FIRST)
    before = kept.stored()
    kept.ring.insert(0, Secret(new_seal_key()))
    # What is already at hand still opens; the next that does not makes it look again.
    fresh = Sealer(lambda: tuple(kept.ring))
    _swap(kept, fresh)

    assert kept.store.reseal() == 1
    kept.ring.pop()
    _swap(kept, Sealer(lambda: tuple(kept.ring)))

    assert kept.store.keys("a", "hunter") == (FIRST,)
    assert kept.stored() != before


def test_a_process_that_knows_old_keys_learns_of_new_ones(kept: Kept) -> None:
    kept.store.add("a", "hunter", "main", FIRST)
    kept.ring[:] = [Secret(new_seal_key()), *kept.ring]
    other = Sealer(lambda: tuple(kept.ring[:1]))
    sealed = other.seal("a", "hunter", "main", SECOND)

    assert kept.store._sealer.open("a", "hunter", "main", sealed) == SECOND  # type: ignore[attr-defined]


def test_without_a_key_to_open_it_there_is_none(
    kept: Kept, caplog: pytest.LogCaptureFixture
) -> None:
    kept.store.add("a", "hunter", "main", FIRST)
    _swap(kept, Sealer(lambda: (Secret(new_seal_key()),)))

    assert kept.store.keys("a", "hunter") == ()
    assert [one.secret for one in kept.store.all()] == [None]
    assert "credential.unreadable" in caplog.text
    assert CANARY not in caplog.text


def test_without_anything_to_seal_with_no_key_is_taken(kept: Kept) -> None:
    _swap(kept, Sealer(tuple))

    with pytest.raises(SealedError, match="ENRICH_KEYRING__KEYS") as caught:
        kept.store.add("a", "hunter", "main", FIRST)

    assert CANARY not in str(caught.value)
    assert kept.store.all() == ()


@pytest.mark.parametrize("name", ["", "a\nb", "a\x00b", "x" * 201], ids=repr)
def test_a_name_that_cannot_be_printed_is_refused(kept: Kept, name: str) -> None:
    with pytest.raises(BadInputError, match="1 to 200 printable"):
        kept.store.add("a", "hunter", name, FIRST)


def _swap(kept: Kept, sealer: Sealer) -> None:
    kept.store._sealer = sealer  # type: ignore[attr-defined]
