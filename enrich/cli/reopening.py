"""Breakers that are closed because what opened them is mended: a key that is added, or works."""

from collections.abc import Iterable, Sequence

from enrich.cli.output import print_note
from enrich.cli.services import Services
from enrich.engine.gates import close_refused
from enrich.ports import BreakerStatus
from providers.credentials import set_id

__all__ = ["actor", "credential_id", "note_reopened", "reopen"]


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
    for status in closed:
        name = status.key.partition("#")[0]
        print_note(f"{name} was shut ({status.reason}) and is asked again from now on")
