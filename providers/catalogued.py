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
from providers.spec.model import Auth

__all__ = ["Catalogue", "catalogue_providers", "elsewhere", "why_not"]

log = logging.getLogger("enrich.providers")


class Catalogue:
    """The providers of the catalogue and the client that they share; `close` when done.

    Raises:
        BadFileError: a file of the catalogue is wrong.
        SettingsError: a file of keys cannot be read.
    """

    def __init__(
        self, keys: Mapping[str, str], *, contact: str = "", base_url: str | None = None
    ) -> None:
        """Build them; `keys` are the credentials by name, `contact` is whom one may write to.

        All are asked below `base_url` when it is given: by a simulator.
        """
        credentials = StoredCredentials(keys)
        #: What a log has to hide.
        self.secrets = credentials.secrets()
        self._client = HttpClient(contact=contact)
        self.providers = catalogue_providers(
            credentials, self._client, contact=contact, base_url=base_url
        )

    def close(self) -> None:
        """Give back the connections."""
        self._client.close()


def catalogue_providers(
    credentials: StoredCredentials,
    client: HttpClient,
    *,
    contact: str = "",
    clock: Clock | None = None,
    base_url: str | None = None,
) -> Mapping[str, Provider]:
    """Build the catalogue's providers by name, one client for all; says in the log who is left out.

    Raises:
        BadFileError: a file of the catalogue is wrong.
    """
    built: dict[str, Provider] = {}
    for spec in load_catalogue():
        if base_url:
            spec = elsewhere(spec, base_url)
        if reason := why_not(spec, credentials, contact=contact):
            log.info("provider.left_out", extra={"provider": spec.name, "reason": reason})
            continue
        if spec.state == "deprecated":
            extra = {"provider": spec.name, "successor": spec.successor}
            log.warning("provider.deprecated", extra=extra)
        built[spec.name] = HttpProvider(spec, client=client, credentials=credentials, clock=clock)
    return MappingProxyType(built)


def elsewhere(spec: HttpSpec, base_url: str) -> HttpSpec:
    """Give a file whose vendor answers below its name at another address, and nowhere else."""
    auth = spec.auth
    if auth.kind == "oauth2":
        # A token would be asked for at the vendor's own address: the credential goes as it is.
        auth = Auth(kind="bearer", credential=auth.credential)
    return spec.model_copy(update={"base_url": f"{base_url}/{spec.name}", "auth": auth})


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
