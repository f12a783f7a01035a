"""Breakers that are closed because what opened them is mended: a key that is added, or works."""

from collections.abc import Iterable, Sequence

from enrich.bootstrap import settings
from enrich.cli.output import print_note
from enrich.cli.services import Services, opened
from enrich.embedded import Server, status
from enrich.engine.gates import close_refused
from enrich.errors import EnrichError
from enrich.ports import BreakerStatus
from providers.credentials import set_id

__all__ = ["actor", "credential_id", "kept_keys", "note_reopened", "reopen"]


def actor() -> str:
    """Name who sets a breaker by hand."""
    import getpass

    try:
        return f"shell:{getpass.getuser()}"
    except (KeyError, OSError):  # a user number without a name
        return "shell"


def credential_id(services: Services, tenant: str, credential: str) -> str:
    """Name the keys that a tenant asks with, as their breaker does; empty when it has none."""
    keys = tuple(services.credentials.get(tenant, credential))
    return set_id(keys) if keys else ""


def reopen(
    services: Services, gates: Iterable[str], tenant: str, credential: str
) -> Sequence[BreakerStatus]:
    """Close what a refused or used up key of a tenant had shut; give it as it was."""
    own = credential_id(services, tenant, credential) if credential else ""
    breakers = services.parts.breakers
    return [
        status for gate in gates for status in close_refused(breakers, gate, [own], actor=actor())
    ]


def note_reopened(closed: Iterable[BreakerStatus]) -> None:
    """Say which breakers were closed."""
    for was in closed:
        name = was.key.partition("#")[0]
        print_note(f"{name} was shut ({was.reason}) and is asked again from now on")


def kept_keys() -> frozenset[str]:
    """Name the credentials that somebody has a key of; starts no server to look there."""
    own = settings()
    named = frozenset(name.partition("__")[0] for name in own.credentials)
    runs = own.database_url is not None or all(
        each.answers for each in status(own.home) if each.server is Server.POSTGRES
    )
    if not runs:
        return named
    try:
        with opened() as services:
            return named | services.credentials.store.references()
    except EnrichError:  # a list of providers is worth having without the database
        return named
