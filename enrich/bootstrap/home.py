"""Which folder is home, and who may begin a new one there.

Without ENRICH_HOME it is the nearest `.enrich` from the working folder upwards, as git finds its
own; where there is none, a new one in the working folder. Whoever only looks must not begin it: an
empty database has no answer, and would be taken for the one that was meant.
"""

import logging
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from enrich import embedded
from enrich.embedded import Server
from enrich.errors import BadInputError, SettingsError
from enrich.settings import Settings

__all__ = ["at_home", "beginning", "is_begun", "refuse_to_begin", "tell_of_new_servers"]

_NAME = ".enrich"
log = logging.getLogger("enrich.bootstrap")


def _log_it(home: Path) -> None:
    log.warning("servers.begun", extra={"home": str(home)})


@dataclass(frozen=True, slots=True)
class _Manner:
    may_begin: bool = True
    tell: Callable[[Path], None] = _log_it


_AS_USUAL = _Manner()
_manner: ContextVar[_Manner] = ContextVar("manner", default=_AS_USUAL)


@contextmanager
def beginning(*, allowed: bool, tell: Callable[[Path], None] = _log_it) -> Iterator[None]:
    """Say for the block whether servers may be begun in a home that nobody named and has none.

    `tell` is given the folder of new servers. Outside of such a block they may.
    """
    token = _manner.set(_Manner(allowed, tell))
    try:
        yield
    finally:
        _manner.reset(token)


def at_home(own: Settings) -> Settings:
    """Give the settings with the home that is meant, where ENRICH_HOME names none.

    Addresses of that home's own servers, as `enrich env` tells them, count as none: in a shell that
    has read them the servers are ours as before.

    Raises:
        SettingsError: a home is needed, and the only one there is belongs to somebody else.
    """
    try:
        meant = own if _is_named() else own.model_copy(update={"home": _meant(Path.cwd())})
        if own.production:
            return meant
        kept = _without_own_addresses(meant)
    except FileNotFoundError:  # we work in no folder any more; who has addresses needs none
        return own
    if not (kept.database_url and kept.redis_url):
        _refuse_a_strangers(kept.home)
    return kept


def is_begun(home: Path, lacking: Iterable[Server]) -> bool:
    """Say whether a home holds one of the servers that are needed of it, running or not."""
    return any((home / server.value).is_dir() for server in lacking)


def refuse_to_begin(home: Path) -> None:
    """Refuse a new home to who only looks, unless ENRICH_HOME names it.

    Raises:
        BadInputError: nobody has named a home, and only a look was meant.
    """
    if _is_named() or _manner.get().may_begin:
        return
    raise BadInputError(
        "ENRICH_HOME",
        f"no servers were started in {home.parent} or above it, so there is nothing to look at",
        hint="go to the folder where `enrich up` or `enrich import` began, set ENRICH_HOME "
        "to its .enrich, or set DATABASE_URL and REDIS_URL",
    )


def tell_of_new_servers(home: Path) -> None:
    """Let whoever began new servers know where they are."""
    _manner.get().tell(home)


def _without_own_addresses(own: Settings) -> Settings:
    ours = embedded.endpoints(own.home)
    update: dict[str, object] = {}
    if _says(own.database_url, ours.database_url):
        update["database_url"] = None
    if _says(own.redis_url, ours.redis_url):
        update["redis_url"] = None
    if _says(own.broker.url, ours.broker_url):
        update["broker"] = own.broker.model_copy(update={"url": None})
    return own.model_copy(update=update)


def _says(address: SecretStr | None, url: str) -> bool:
    return address is not None and address.get_secret_value() == url


def _is_named() -> bool:
    return bool(os.environ.get("ENRICH_HOME"))


def _meant(folder: Path) -> Path:
    upwards = (each / _NAME for each in (folder, *folder.parents))
    return next((home for home in upwards if _is_ours(home)), folder / _NAME)


def _refuse_a_strangers(home: Path) -> None:
    if _is_named() or not home.is_dir() or _is_ours(home):
        return
    raise SettingsError(
        "ENRICH_HOME",
        f"is not set, and {home} belongs to another user",
        hint="work in a folder of yours, or set ENRICH_HOME: to that one, if it is meant",
    )


def _is_ours(home: Path) -> bool:
    # In a folder that all may write to, such as /tmp, somebody else's would be a trap.
    try:
        return home.is_dir() and home.stat().st_uid == os.geteuid()
    except OSError:
        return False
