"""The providers of a process, and the keys that they are asked with."""

import hashlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from enrich.ports import Provider
from enrich.ports.callbacks import Callbacks
from enrich.ports.tracing import NO_TRACES, Tracer
from enrich.settings import Settings
from enrich.store.credentials import PostgresCredentialStore
from enrich.store.keyring import KeyringFile, given_keys
from enrich.store.sealing import Sealer
from enrich.telemetry import register_secret
from providers.base import SystemClock
from providers.credentials import KeptCredentials, StoredCredentials
from providers.registry import select

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from providers.catalogued import Catalogue

__all__ = [
    "callback_secret",
    "catalogue_of",
    "credentials_of",
    "keyring_file",
    "providers_of",
    "readiness_of",
    "sealer_of",
]

_KEYRING = "credentials.keys"


def providers_of(own: Settings, catalogue: "Catalogue | None") -> Mapping[str, Provider]:
    """Give the providers that the settings choose, by name."""
    return select(
        own.providers.chosen(),
        simulated=own.providers.simulated,
        modules=own.providers.modules,
        more=catalogue.providers if catalogue else None,
    )


def readiness_of(own: Settings, catalogue: "Catalogue | None") -> Callable[[str], bool]:
    """Give what says whether a provider has the keys that it needs, or was asked for by name."""
    named = frozenset(own.providers.chosen() or ())
    return lambda name: name in named or catalogue is None or catalogue.is_ready(name)


def catalogue_of(
    own: Settings,
    credentials: KeptCredentials,
    *,
    callbacks: Callbacks,
    secret: str,
    tracer: Tracer = NO_TRACES,
) -> "Catalogue | None":
    """Give those that are asked over the network; None when the settings want none of them.

    Where they send answers, `callbacks` keeps them, and `secret` signs the addresses.
    """
    asked = own.providers
    if not (asked.catalogue or asked.directory):
        return None
    # A third of a second, which only those pay who ask over the network.
    from providers.called_back import Door
    from providers.catalogued import Catalogue

    door = own.callbacks.url and Door(
        base_url=own.callbacks.url,
        secret=secret,
        kept=callbacks,
        longest_s=own.runs.max_wait_seconds,
        chosen=own.callbacks.chosen(),
    )

    return Catalogue(
        credentials,
        with_catalogue=asked.catalogue,
        directory=asked.directory,
        contact=asked.contact or "",
        base_url=asked.base_url,
        tracer=tracer,
        door=door or None,
    )


def callback_secret(own: Settings, database_url: str) -> str:
    """Give what signs addresses of callbacks: processes of one installation share it."""
    given = own.api.secret.get_secret_value() if own.api.secret else ""
    return given or hashlib.sha256(f"callbacks {database_url}".encode()).hexdigest()


def sealer_of(own: Settings) -> Sealer:
    """Give what seals secrets. Raises `SettingsError` for a wrong keyring."""
    given = own.keyring.keys
    return Sealer(given_keys(given.get_secret_value()) if given else keyring_file(own))


def keyring_file(own: Settings) -> KeyringFile:
    """Give the keyring's file; it is made when needed, but not beside a database of yours.

    Another machine's workers could open nothing with it.
    """
    return KeyringFile(own.keyring.file or own.home / _KEYRING, may_make=own.database_url is None)


def credentials_of(own: Settings, database: "Engine") -> KeptCredentials:
    """Give the keys of providers: the kept ones, else those of the environment."""
    fallback = StoredCredentials({n: v.get_secret_value() for n, v in own.credentials.items()})
    for secret in fallback.secrets():
        register_secret(secret)
    return KeptCredentials(
        PostgresCredentialStore(database, sealer_of(own)),
        fallback,
        clock=SystemClock(),
        on_secret=register_secret,
    )
