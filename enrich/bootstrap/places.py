"""The settings of this process, and where its servers are."""

import logging
import os
from dataclasses import dataclass
from functools import cache

from enrich import embedded
from enrich.bootstrap.home import at_home, is_begun, refuse_to_begin, tell_of_new_servers
from enrich.embedded import Server, celery_url
from enrich.ports.tracing import Tracer
from enrich.settings import Settings, load_settings
from enrich.telemetry import register_secret
from enrich.telemetry.traces import tracer_of

__all__ = ["Endpoints", "endpoints", "process_tracer", "settings"]

log = logging.getLogger("enrich.bootstrap")


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """Where the servers of this process are: those of the settings, or embedded ones."""

    database_url: str
    redis_url: str
    broker_url: str

    @property
    def celery_broker_url(self) -> str:
        """The broker's address in Celery's form."""
        return celery_url(self.broker_url)


@cache
def settings() -> Settings:
    """Give the settings of this process, read once; their passwords never reach a log.

    `home` is the one that is meant: see `enrich.bootstrap.home`. Raises `SettingsError`.
    """
    own = at_home(load_settings())
    for secret in own.secrets():
        register_secret(secret)
    for warning in own.warnings():
        log.warning("settings.doubtful", extra={"warning": warning})
    return own


@cache
def process_tracer() -> Tracer:
    """Give the tracer of this process; it notes nothing unless the environment asks for traces."""
    return tracer_of(os.environ, directory=settings().traces.directory)


@cache
def endpoints() -> Endpoints:
    """Find the servers, starting embedded ones where no address is set.

    Raises:
        SettingsError: a setting is wrong.
        BadInputError: there is no home, and this process may not begin one.
        EmbeddedServerError: a server of ours did not start.
    """
    own = settings()
    if own.database_url and own.redis_url:
        return Endpoints(
            database_url=own.database_url.get_secret_value(),
            redis_url=own.redis_url.get_secret_value(),
            broker_url=(own.broker_url or own.redis_url).get_secret_value(),
        )
    lacking = [Server.POSTGRES] * (not own.database_url) + [Server.VALKEY] * (not own.redis_url)
    local = _embedded(own, lacking)
    redis_url = own.redis_url.get_secret_value() if own.redis_url else local.redis_url
    broker_url = own.broker_url.get_secret_value() if own.broker_url else local.broker_url
    database_url = own.database_url.get_secret_value() if own.database_url else local.database_url
    return Endpoints(database_url=database_url, redis_url=redis_url, broker_url=broker_url)


def _embedded(own: Settings, lacking: list[Server]) -> embedded.Endpoints:
    is_new = not is_begun(own.home, lacking)
    if is_new and Server.POSTGRES in lacking:
        refuse_to_begin(own.home)
    places = embedded.start(own.home, only=lacking).endpoints
    if is_new:
        tell_of_new_servers(own.home)
    return places
