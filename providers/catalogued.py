"""The providers of the catalogue that can be asked: those that have the key that they need."""

import logging
from collections.abc import Mapping
from types import MappingProxyType

from enrich.ports.outside import Clock, Provider
from providers.credentials import StoredCredentials
from providers.http import HttpClient
from providers.http_provider import HttpProvider
from providers.spec.file import HttpSpec
from providers.spec.loading import load_catalogue

__all__ = ["Catalogue", "catalogue_providers", "why_not"]

log = logging.getLogger("enrich.providers")


class Catalogue:
    """The providers of the catalogue and the client that they share; `close` when done.

    Raises:
        BadFileError: a file of the catalogue is wrong.
        SettingsError: a file of keys cannot be read.
    """

    def __init__(self, keys: Mapping[str, str], *, contact: str = "") -> None:
        """Build them; `keys` are the credentials by name, `contact` is whom one may write to."""
        credentials = StoredCredentials(keys)
        #: What a log has to hide.
        self.secrets = credentials.secrets()
        self._client = HttpClient(contact=contact)
        self.providers = catalogue_providers(credentials, self._client, contact=contact)

    def close(self) -> None:
        """Give back the connections."""
        self._client.close()


def catalogue_providers(
    credentials: StoredCredentials,
    client: HttpClient,
    *,
    contact: str = "",
    clock: Clock | None = None,
) -> Mapping[str, Provider]:
    """Build the catalogue's providers by name, one client for all; says in the log who is left out.

    Raises:
        BadFileError: a file of the catalogue is wrong.
    """
    built: dict[str, Provider] = {}
    for spec in load_catalogue():
        if reason := why_not(spec, credentials, contact=contact):
            log.info("provider.left_out", extra={"provider": spec.name, "reason": reason})
            continue
        if spec.state == "deprecated":
            extra = {"provider": spec.name, "successor": spec.successor}
            log.warning("provider.deprecated", extra=extra)
        built[spec.name] = HttpProvider(spec, client=client, credentials=credentials, clock=clock)
    return MappingProxyType(built)


def why_not(spec: HttpSpec, credentials: StoredCredentials, *, contact: str = "") -> str:
    """Say why a provider cannot be asked, with the way out; empty when it can."""
    if spec.state == "gone":
        return f"it is gone; {spec.successor} took over" if spec.successor else "it is gone"
    needed = spec.credential
    if needed and not spec.auth.optional and not credentials.has(needed):
        return f"it needs a key; set ENRICH_CREDENTIALS__{needed.upper()}"
    if spec.contact and not contact:
        return "it wants to know whom to write to; set ENRICH_PROVIDERS__CONTACT"
    return ""
