"""The services of one process, built once and closed at its end."""

import logging
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from enrich.bootstrap.front import desk_of, embedders_of, messenger_of
from enrich.bootstrap.joining import Ends, Vendors, caches_of, parts_of
from enrich.bootstrap.places import Endpoints, endpoints, process_tracer, settings
from enrich.bootstrap.sources import (
    callback_secret,
    catalogue_of,
    credentials_of,
    providers_of,
    readiness_of,
)
from enrich.engine.desk import Desk
from enrich.engine.local import LocalRunner
from enrich.engine.parts import Parts
from enrich.errors import DependencyError
from enrich.ports.access import AccessKeys
from enrich.ports.board import Board
from enrich.ports.callbacks import Callbacks
from enrich.ports.callers import Callers
from enrich.ports.requests import SqlRequests
from enrich.ports.schedules import Schedules
from enrich.ports.tracing import Tracer
from enrich.settings import Settings
from enrich.state.cache_fallback import FallbackCache
from enrich.state.link import RedisLink
from enrich.state.metrics import RedisMetrics
from enrich.store.access_keys import PostgresAccessKeys
from enrich.store.board import PostgresBoard
from enrich.store.callbacks import PostgresCallbacks
from enrich.store.callers import PostgresCallers
from enrich.store.engine import make_engine
from enrich.store.migrate import pending, upgrade
from enrich.store.requests import PostgresSqlRequests
from enrich.store.schedules import PostgresSchedules
from providers.base import LocalProvider
from providers.credentials import KeptCredentials
from providers.embedding.late import LateEmbedders
from providers.late_messenger import LateMessenger
from providers.llm.late import LatePrompter

if TYPE_CHECKING:
    from providers.catalogued import Catalogue

__all__ = ["Services", "build"]

log = logging.getLogger("enrich.bootstrap")


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The parts of one process, and what runs steps in it. `close` when done."""

    settings: Settings
    endpoints: Endpoints
    parts: Parts
    runner: LocalRunner
    metrics: RedisMetrics
    caches: tuple[FallbackCache, ...]
    access_keys: AccessKeys
    desk: Desk
    board: Board
    schedules: Schedules
    requests: SqlRequests
    callers: Callers
    callbacks: Callbacks
    callback_secret: str
    credentials: KeptCredentials
    _ends: Ends
    _probes: Executor
    _closing: "tuple[Catalogue | LatePrompter | LateEmbedders | LateMessenger | None, ...]"

    def warm(self) -> None:
        """Load what the providers know, so that no question waits for it; one after the other."""
        for name, provider in self.parts.providers.items():
            if isinstance(provider, LocalProvider):
                provider.warm()
                log.debug("provider.warmed", extra={"provider": name})

    def check_redis(self) -> None:
        """Ask whether Redis answers. Raises `LinkAwayError`."""
        self._ends.link.do(lambda client: client.ping())

    def close_redis(self) -> None:
        """Give back the connections to Redis; the next use opens new ones."""
        self._ends.link.close()

    def close(self) -> None:
        """Give back threads and connections."""
        for pool in (self._ends.calls, self._probes):
            pool.shutdown(wait=False, cancel_futures=True)
        self.parts.hedges.close()
        for opened in self._closing:
            if opened:
                opened.close()
        self.metrics.close()
        self.parts.tracer.flush()
        self._ends.database.dispose()
        self._ends.link.close()


def build(*, holder: str = "", tracer: Tracer | None = None) -> Services:
    """Build everything for one process; starts embedded servers where no address is set.

    `holder` is the name that its batches are held under; a process without one leaves them to
    their leases. `tracer` notes in place of what the settings say.

    Raises:
        SettingsError: a setting is wrong.
        DependencyError: PostgreSQL does not answer, or its schema is not ours. Redis may be away.
    """
    own, places = settings(), endpoints()
    _check_schema(own, places)
    metrics = _metrics(own, places)
    ends = _ends(places, metrics, tracer or process_tracer())
    probes = ThreadPoolExecutor(own.probes.max_concurrent, thread_name_prefix="enrich-probe")
    caches = caches_of(ends.link, own, metrics)
    sources = _sources(own, places, ends)
    vendors = _vendors(own, sources)
    parts = parts_of(own, ends, caches, vendors, holder=holder)
    embedders, messenger = embedders_of(own, parts, sources.credentials), messenger_of(own, parts)
    return Services(
        settings=own,
        endpoints=places,
        parts=parts,
        runner=LocalRunner(parts, probes),
        metrics=metrics,
        caches=caches,
        access_keys=PostgresAccessKeys(ends.database),
        desk=desk_of(own, parts, ends.database, embedders, messenger, holder=holder),
        board=PostgresBoard(ends.database),
        schedules=PostgresSchedules(ends.database),
        requests=PostgresSqlRequests(ends.database),
        callers=PostgresCallers(ends.database, holder=holder),
        callbacks=sources.callbacks,
        callback_secret=sources.secret,
        credentials=sources.credentials,
        _ends=ends,
        _probes=probes,
        _closing=(sources.catalogue, vendors.prompter, embedders, messenger),
    )


def _metrics(own: Settings, places: Endpoints) -> RedisMetrics:
    # The numbers have a connection of their own: one that counts its faults must not count itself.
    return RedisMetrics(RedisLink(places.redis_url, is_silent=True), version=own.cache.version)


def _ends(places: Endpoints, metrics: RedisMetrics, tracer: Tracer) -> Ends:
    return Ends(
        database=make_engine(places.database_url, tracer=tracer, is_walled=True),
        link=RedisLink(places.redis_url, recorder=metrics, tracer=tracer),
        recorder=metrics,
        calls=ThreadPoolExecutor(max_workers=32, thread_name_prefix="enrich-call"),
        tracer=tracer,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sources:
    """What providers are made of: their keys, where they may send answers, and the catalogue."""

    credentials: KeptCredentials
    callbacks: Callbacks
    secret: str
    catalogue: "Catalogue | None"


def _sources(own: Settings, places: Endpoints, ends: Ends) -> _Sources:
    credentials = credentials_of(own, ends.database)
    callbacks = PostgresCallbacks(ends.database)
    secret = callback_secret(own, places.database_url)
    catalogue = catalogue_of(
        own, credentials, callbacks=callbacks, secret=secret, tracer=ends.tracer
    )
    return _Sources(
        credentials=credentials, callbacks=callbacks, secret=secret, catalogue=catalogue
    )


def _vendors(own: Settings, sources: _Sources) -> Vendors:
    terms, simulator = own.llm.terms(), own.providers.base_url
    return Vendors(
        providers=providers_of(own, sources.catalogue),
        prompter=LatePrompter(terms, sources.credentials, simulator=simulator),
        is_ready=readiness_of(own, sources.catalogue),
        callbacks=sources.callbacks,
    )


def _check_schema(own: Settings, places: Endpoints) -> None:
    """Bring an embedded database to the newest schema; ask for it where it is not ours."""
    lacking = pending(places.database_url)
    if lacking and own.database_url is None:
        upgrade(places.database_url)
    elif lacking:
        raise DependencyError(f"the database lacks {len(lacking)} migrations; run `enrich migrate`")
