"""The providers that files describe: those of the catalogue, and a user's own."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlsplit

from enrich.errors import BadFileError
from enrich.ports.outside import Clock
from enrich.ports.tracing import NO_TRACES, Tracer
from providers.called_back import Door
from providers.credentials import CredentialSource
from providers.http import HttpClient
from providers.http_provider import HttpProvider
from providers.spec.file import HttpSpec
from providers.spec.loading import load_catalogue, load_folder

__all__ = ["Catalogue", "catalogue_providers", "elsewhere", "own_specs", "why_not"]

log = logging.getLogger("enrich.providers")


class Catalogue:
    """The providers of files and the client that they share; `close` when done.

    Raises:
        BadFileError: a file of the catalogue is wrong; a user's own is left out instead.
        SettingsError: a file of keys cannot be read.
    """

    def __init__(
        self,
        credentials: CredentialSource,
        *,
        with_catalogue: bool = True,
        directory: Path | None = None,
        contact: str = "",
        base_url: str | None = None,
        tracer: Tracer = NO_TRACES,
        door: Door | None = None,
    ) -> None:
        """Build them; `contact` is whom one may write to, `directory` has a user's own files.

        All are asked below `base_url` when it is given: by a simulator. Through `door` come the
        answers of those that send them.
        """
        self._credentials, self._has_door = credentials, door is not None
        self._client = HttpClient(contact=contact, tracer=tracer)
        own, self.faults = own_specs(directory) if directory else ((), ())
        for fault in self.faults:
            log.error("provider.refused", extra={"reason": str(fault)})
        specs = (*(load_catalogue() if with_catalogue else ()), *own)
        self.providers = catalogue_providers(
            credentials, self._client, specs=specs, contact=contact, base_url=base_url, door=door
        )
        #: Who put a file there wants it asked, or to be told why it was not.
        self._own = frozenset(spec.name for spec in own)

    def is_ready(self, name: str) -> bool:
        """Say whether to plan with a provider: not when nobody has a key that it needs."""
        provider = self.providers.get(name)
        if provider is None or name in self._own:
            return True
        if provider.http.answers_by_webhook_only and not self._has_door:
            return False
        return not _lacks_key(provider.http, self._credentials)

    def close(self) -> None:
        """Give back the connections."""
        self._client.close()


def own_specs(directory: Path) -> tuple[Sequence[HttpSpec], Sequence[BadFileError]]:
    """Read a user's own files; give what is wrong with those that are left out.

    A file that is wrong, or has a name that the catalogue has, does not keep the others away.
    """
    taken = {spec.name for spec in load_catalogue()}
    specs, faults = load_folder(directory)
    clashes = [
        BadFileError(
            str(directory / f"{spec.name}.toml"),
            f"name: the catalogue has {spec.name!r} already",
            hint="give yours another name",
        )
        for spec in specs
        if spec.name in taken
    ]
    return [spec for spec in specs if spec.name not in taken], (*faults, *clashes)


def catalogue_providers(
    credentials: CredentialSource,
    client: HttpClient,
    *,
    specs: Iterable[HttpSpec] | None = None,
    contact: str = "",
    clock: Clock | None = None,
    base_url: str | None = None,
    door: Door | None = None,
) -> Mapping[str, HttpProvider]:
    """Build the providers of files by name, one client for all; says in the log who is left out.

    Raises:
        BadFileError: a file of the catalogue is wrong.
    """
    built: dict[str, HttpProvider] = {}
    for spec in load_catalogue() if specs is None else specs:
        if base_url:
            spec = elsewhere(spec, base_url)
        reason = why_not(spec, credentials, contact=contact)
        if reason:
            log.info("provider.left_out", extra={"provider": spec.name, "reason": reason})
        if _never(spec, contact):
            continue
        if spec.state == "deprecated" and not reason:
            extra = {"provider": spec.name, "successor": spec.successor}
            log.warning("provider.deprecated", extra=extra)
        built[spec.name] = HttpProvider(
            spec, client=client, credentials=credentials, clock=clock, door=door
        )
    return MappingProxyType(built)


def elsewhere(spec: HttpSpec, base_url: str) -> HttpSpec:
    """Give a file whose vendor answers below its name at another address, and nowhere else.

    The path of its own address follows the name.
    """
    auth = spec.auth
    if auth.token_url is not None:
        # A token must not be asked for at the vendor's own address.
        token_url = f"{base_url}/{spec.name}{urlsplit(auth.token_url).path}"
        auth = auth.model_copy(update={"token_url": token_url})
    there = f"{base_url}/{spec.name}{urlsplit(spec.base_url).path}"
    return spec.model_copy(update={"base_url": there, "auth": auth})


def why_not(
    spec: HttpSpec, credentials: CredentialSource | None = None, *, contact: str = ""
) -> str:
    """Say why a provider is not asked, with the way out; empty when it is.

    Without `credentials` nothing is said of its key.
    """
    if reason := _never(spec, contact):
        return reason
    if credentials and _lacks_key(spec, credentials):
        return f"it needs a key; run `enrich credentials add {spec.name}`"
    return ""


def _never(spec: HttpSpec, contact: str) -> str:
    if spec.state == "gone":
        return f"it is gone; {spec.successor} took over" if spec.successor else "it is gone"
    if spec.contact and not contact:
        return "it wants to know whom to write to; set ENRICH_PROVIDERS__CONTACT"
    return ""


def _lacks_key(spec: HttpSpec, credentials: CredentialSource) -> bool:
    name = spec.credential
    return name is not None and not spec.auth.optional and not credentials.has(name)
