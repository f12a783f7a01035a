"""Whose keys a provider is asked with, how long they are known, and which breaker they have."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest

from enrich.domain.calls import CallReport, Refusal, reports_by_key
from enrich.domain.keys import breaker_key
from enrich.domain.outcome import CreditsExhausted, NotFound, Outcome, Unauthorized, Unavailable
from enrich.domain.provider import ProviderSpec
from enrich.domain.rate import RateLimit
from enrich.domain.secret import Secret
from enrich.engine.gates import own_breaker
from enrich.engine.rates import rate_of
from enrich.errors import DatabaseDownError, SettingsError
from enrich.store.keyring import KeyringFile, seal_keys
from enrich.store.memory_credentials import MemoryCredentialStore
from enrich.store.sealing import Sealer, new_seal_key
from providers.credentials import KeptCredentials, KeyRotation, StoredCredentials, set_id
from tests.asking import HandClock
from tests.unit.batches import found, spec
from tests.unit.engine_world import Scripted, world

BY_EMAIL = spec("by_email", "email", "domain company_name")
OWN, COMMON = Secret("key-of-acme"), Secret("key-of-the-environment")


class Flaky(MemoryCredentialStore):
    """A store that can be away, and counts how often it was looked at."""

    is_away = False
    looks = 0

    def keys(self, tenant: str, credential: str) -> Sequence[Secret]:
        """Give keys, or say that the database is down."""
        self.looks += 1
        if self.is_away:
            raise DatabaseDownError("PostgreSQL: no answer")
        return super().keys(tenant, credential)


@dataclass
class Known:
    """Kept credentials over a store of the test's own."""

    store: Flaky
    clock: HandClock = field(default_factory=HandClock)
    heard: list[str] = field(default_factory=list)

    def credentials(self, **environment: str) -> KeptCredentials:
        """Build them."""
        return KeptCredentials(
            self.store,
            StoredCredentials(environment),
            clock=self.clock,
            on_secret=self.heard.append,
        )


@pytest.fixture
def known() -> Known:
    """Nothing kept yet."""
    key = Secret(new_seal_key())
    return Known(Flaky(Sealer(lambda: (key,))))


def test_a_tenants_kept_keys_go_before_those_of_the_environment(known: Known) -> None:
    known.store.add("acme", "hunter", "main", OWN)
    credentials = known.credentials(hunter=COMMON.reveal())

    assert credentials.get("acme", "hunter") == (OWN,)
    assert credentials.get("default", "hunter") == (COMMON,)
    assert credentials.get("acme", "apollo") == ()


def test_somebody_who_has_a_key_makes_a_provider_worth_planning_with(known: Known) -> None:
    known.store.add("acme", "hunter", "main", OWN)
    credentials = known.credentials(apollo=COMMON.reveal())

    assert [credentials.has(name) for name in ("hunter", "apollo", "snov")] == [True, True, False]


def test_a_removed_key_is_asked_with_for_a_minute_at_most(known: Known) -> None:
    known.store.add("acme", "hunter", "main", OWN)
    credentials = known.credentials()
    credentials.get("acme", "hunter")

    known.store.remove("acme", "hunter")
    known.clock.sleep(59)
    assert credentials.get("acme", "hunter") == (OWN,)
    known.clock.sleep(2)
    assert credentials.get("acme", "hunter") == ()


def test_within_a_minute_the_store_is_looked_at_once(known: Known) -> None:
    credentials = known.credentials()

    for _ in range(100):
        credentials.get("acme", "hunter")

    assert known.store.looks == 1


def test_while_the_store_is_away_the_known_keys_hold(known: Known) -> None:
    known.store.add("acme", "hunter", "main", OWN)
    credentials = known.credentials(apollo=COMMON.reveal())
    credentials.get("acme", "hunter")

    known.store.is_away = True
    known.clock.sleep(600)

    assert credentials.get("acme", "hunter") == (OWN,)
    assert credentials.get("acme", "apollo") == (COMMON,)


def test_a_log_hears_of_a_key_before_it_is_used(known: Known) -> None:
    known.store.add("acme", "snov", "main", Secret("user-1:password-1"))

    known.credentials().get("acme", "snov")

    assert set(known.heard) == {"user-1:password-1", "password-1"}


def test_a_set_of_keys_has_a_name_of_its_own_that_tells_none() -> None:
    names = {set_id((OWN,)), set_id((COMMON,)), set_id((OWN, COMMON))}

    assert len(names) == 3
    assert set_id((OWN, COMMON)) == set_id((COMMON, OWN))
    assert OWN.reveal() not in "".join(names)


class WithKey(Scripted):
    """A provider that is asked with a key."""

    key = "k1"
    keys = 1

    def credential_id(self, tenant: str) -> str:
        """Name the key."""
        return self.key

    def key_count(self, tenant: str) -> int:
        """Count the keys."""
        return self.keys


@pytest.mark.parametrize("price", [0, 100], ids=["free", "paid"])
@pytest.mark.parametrize(
    ("outcome", "refusal"),
    [(Unauthorized("status 401"), "auth"), (CreditsExhausted(), "credits")],
    ids=["refused", "used up"],
)
def test_a_key_that_fails_opens_its_own_breaker_and_no_other(
    outcome: Outcome, refusal: str, price: int
) -> None:
    provider = WithKey(replace(BY_EMAIL, price_microcredits=price), lambda _: outcome)

    with world(provider, emails=[f"{n}@acme.com" for n in range(6)]) as own:
        own.run()
        states = own.parts.breakers.status([breaker_key("by_email"), breaker_key("by_email", "k1")])

        assert states[breaker_key("by_email")].state == "closed"
        assert states[breaker_key("by_email", "k1")].state == "open"
        assert len(provider.asked) == 2  # the first batch; the others' rows were not sent
        assert own.row("r6").cells["domain"].reason == f"by_email: skipped (breaker {refusal})"


def test_another_key_is_asked_with_at_once() -> None:
    answers: list[Outcome] = [Unauthorized("status 401"), found(domain="acme.com")]
    provider = WithKey(BY_EMAIL, lambda _: answers.pop(0))

    with world(provider) as own:
        own.run()
        provider.key = "k2"
        own.run()

        assert own.value("domain") == "acme.com"


def test_a_provider_that_fails_opens_the_breaker_that_all_keys_share() -> None:
    provider = WithKey(BY_EMAIL, lambda _: Unavailable("refused"))

    with world(provider, emails=[f"{n}@acme.com" for n in range(20)]) as own:
        own.run()
        states = own.parts.breakers.status([breaker_key("by_email"), breaker_key("by_email", "k1")])

        assert states[breaker_key("by_email")].state == "open"
        assert states[breaker_key("by_email", "k1")].state == "closed"


class WithKeys(WithKey):
    """A provider that tenants ask with keys of their own or of everybody."""

    def credential_id(self, tenant: str) -> str:
        """Name the keys of a tenant."""
        return {"acme": "own", "keyless": ""}.get(tenant, "common")


@pytest.mark.parametrize(
    ("provider", "tenant", "breaker"),
    [
        pytest.param(WithKeys(BY_EMAIL, {}), "acme", "by_email#own", id="a key of its own"),
        pytest.param(WithKeys(BY_EMAIL, {}), "bolt", None, id="everybody's key"),
        pytest.param(WithKeys(BY_EMAIL, {}), "keyless", None, id="no key"),
        pytest.param(Scripted(BY_EMAIL, {}), "acme", None, id="a provider without keys"),
    ],
)
def test_a_tenant_owns_the_breaker_of_its_own_keys_alone(
    provider: Scripted, tenant: str, breaker: str | None
) -> None:
    assert own_breaker(provider, tenant) == breaker


def test_every_call_is_reported_to_both_breakers() -> None:
    outcomes: list[Outcome] = [Unauthorized(), NotFound(), Unavailable(), NotFound()]

    of_provider, of_key = reports_by_key([(outcome, 0.1) for outcome in outcomes])

    assert of_provider == CallReport(successes=2, failures=1, ignored=1)
    assert of_key == CallReport(successes=2, ignored=2, trip=Refusal.AUTH)


def test_a_keyring_is_made_once_and_nobody_else_may_read_it(tmp_path) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "home" / "credentials.keys"
    ring = KeyringFile(path, may_make=True)

    first = ring()

    assert (len(first), ring()) == (1, first)
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_renewed_keyring_keeps_what_it_had_behind_the_new_key(tmp_path) -> None:  # type: ignore[no-untyped-def]
    ring = KeyringFile(tmp_path / "keys", may_make=True)
    (old,) = ring()

    ring.renew()

    new, kept = ring()
    assert kept == old != new


def test_a_keyring_that_may_not_be_made_is_empty(tmp_path) -> None:  # type: ignore[no-untyped-def]
    assert KeyringFile(tmp_path / "keys", may_make=False)() == ()
    assert list(tmp_path.iterdir()) == []


def test_a_keyring_that_others_may_read_is_refused(tmp_path) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "keys"
    path.write_text(new_seal_key())
    path.chmod(0o640)

    with pytest.raises(SettingsError, match=r"others may read .*; chmod 600"):
        KeyringFile(path, may_make=False)()


def test_what_is_no_key_is_refused_without_being_shown() -> None:
    with pytest.raises(SettingsError, match="its key 2 is none") as caught:
        seal_keys(f"{new_seal_key()}, hunter2-hunter2", setting="ENRICH_KEYRING__KEYS")

    assert "hunter2" not in str(caught.value)


def test_keys_are_asked_with_by_turns_and_those_that_rest_are_left_out(known: Known) -> None:
    third = Secret("third-key-0123456789")
    keys = (OWN, COMMON, third)
    rotation = KeyRotation(known.clock, first=0)

    turns = [rotation.order(keys)[0] for _ in range(6)]
    rotation.rest(COMMON, 60)
    without = [rotation.order(keys) for _ in range(2)]

    assert turns == [*keys, *keys]
    assert rotation.count(keys) == 2
    assert without == [(OWN, third), (third, OWN)]


def test_all_keys_that_rest_leave_the_one_that_is_awake_first(known: Known) -> None:
    rotation = KeyRotation(known.clock)
    rotation.rest(OWN, 60)
    rotation.rest(COMMON, 30)

    assert rotation.order((OWN, COMMON)) == (COMMON,)


LIMITED = replace(BY_EMAIL, limits=(RateLimit(1, 3600),), limits_are_of_keys=True)


@pytest.mark.parametrize(
    ("limited", "key", "count"),
    [
        (LIMITED, "by_email#k1", 3),
        (replace(LIMITED, limits_are_of_keys=False), "by_email", 1),
    ],
    ids=["of each key", "of all calls"],
)
def test_a_rate_is_booked_for_whom_it_holds(limited: ProviderSpec, key: str, count: int) -> None:
    provider = WithKey(limited, lambda _: NotFound())
    provider.keys = 3

    assert rate_of(provider, "acme") == (key, (RateLimit(count, 3600),))


def test_another_key_has_a_rate_of_its_own() -> None:
    provider = WithKey(LIMITED, lambda _: found(domain="acme.com"))

    with world(provider, emails=["a@acme.com", "b@acme.com"]) as own:
        own.run()
        first = len(provider.asked)
        provider.key = "k2"
        own.run()

        assert (first, len(provider.asked)) == (1, 2)
