"""The one place that builds the parts and joins them."""

import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

from enrich.embedded import Server, celery_url, start
from enrich.engine.local import LocalRunner
from enrich.engine.parts import Parts, Policies
from enrich.engine.trustbook import TrustBook
from enrich.errors import DependencyError
from enrich.ports import Provider, Recorder
from enrich.ports.access import AccessKeys
from enrich.ports.board import Board
from enrich.settings import Settings, load_settings
from enrich.state.breaker import RedisBreakers
from enrich.state.budget import RedisBudgets
from enrich.state.cache import RedisCache
from enrich.state.cache_fallback import FallbackCache
from enrich.state.cache_memory import MemoryCache
from enrich.state.governor import RedisGovernor
from enrich.state.leases import RedisLeases
from enrich.state.leases_fallback import FallbackLeases
from enrich.state.leases_memory import MemoryLeases
from enrich.state.link import RedisLink
from enrich.state.metrics import RedisMetrics
from enrich.store.access_keys import PostgresAccessKeys
from enrich.store.board import PostgresBoard
from enrich.store.calls import PostgresPaidCalls
from enrich.store.credentials import PostgresCredentialStore
from enrich.store.engine import make_engine
from enrich.store.keyring import KeyringFile, given_keys
from enrich.store.migrate import pending, upgrade
from enrich.store.rows import PostgresRowStore
from enrich.store.runs import PostgresRunStore
from enrich.store.sealing import Sealer
from enrich.store.trust import PostgresTrustStore
from enrich.telemetry import register_secret
from providers.base import LocalProvider, SystemClock
from providers.credentials import KeptCredentials, StoredCredentials
from providers.llm.late import LatePrompter
from providers.registry import select

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from providers.catalogued import Catalogue

__all__ = [
    "Endpoints",
    "Services",
    "build",
    "endpoints",
    "keyring_file",
    "settings",
]

log = logging.getLogger("enrich.bootstrap")

_KEYRING = "credentials.keys"


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
    board: Board
    _database: "Engine"
    _link: RedisLink
    _pools: tuple[ThreadPoolExecutor, ...]
    credentials: KeptCredentials
    _catalogue: "Catalogue | None" = None

    def warm(self) -> None:
        """Load what the providers know, so that no question waits for it; one after the other."""
        for name, provider in self.parts.providers.items():
            if isinstance(provider, LocalProvider):
                provider.warm()
                log.debug("provider.warmed", extra={"provider": name})

    def close_redis(self) -> None:
        """Give back the connections to Redis; the next use opens new ones."""
        self._link.close()

    def close(self) -> None:
        """Give back threads and connections."""
        for pool in self._pools:
            pool.shutdown(wait=False, cancel_futures=True)
        self.parts.hedges.close()
        for opened in (self._catalogue, self.parts.prompter):
            if opened:
                opened.close()
        self.metrics.close()
        self._database.dispose()
        self._link.close()


@cache
def settings() -> Settings:
    """Give the settings of this process, read once; their passwords never reach a log.

    Raises `SettingsError`.
    """
    own = load_settings()
    for secret in own.secrets():
        register_secret(secret)
    for warning in own.warnings():
        log.warning("settings.doubtful", extra={"warning": warning})
    return own


@cache
def endpoints() -> Endpoints:
    """Find the servers, starting embedded ones where no address is set.

    Raises:
        SettingsError: a setting is wrong.
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
    local = start(own.home, only=lacking).endpoints
    redis_url = own.redis_url.get_secret_value() if own.redis_url else local.redis_url
    broker_url = own.broker_url.get_secret_value() if own.broker_url else local.broker_url
    database_url = own.database_url.get_secret_value() if own.database_url else local.database_url
    return Endpoints(database_url=database_url, redis_url=redis_url, broker_url=broker_url)


def build(*, holder: str = "") -> Services:
    """Build everything for one process; starts embedded servers where no address is set.

    `holder` is the name that its batches are held under; a process without one leaves them to
    their leases.

    Raises:
        SettingsError: a setting is wrong.
        DependencyError: PostgreSQL does not answer, or its schema is not ours. Redis may be away.
    """
    own, places = settings(), endpoints()
    _check_schema(own, places)
    database = make_engine(places.database_url)
    # The numbers have a connection of their own: one that counts its faults must not count itself.
    metrics = RedisMetrics(RedisLink(places.redis_url, is_silent=True), version=own.cache.version)
    link = RedisLink(places.redis_url, recorder=metrics)
    credentials = _credentials(own, database)
    catalogue = _catalogue(own, credentials)
    calls = ThreadPoolExecutor(max_workers=32, thread_name_prefix="enrich-call")
    probes = ThreadPoolExecutor(own.probes.max_concurrent, thread_name_prefix="enrich-probe")
    caches = _cache(link, "response", own, metrics), _cache(link, "cell", own, metrics)
    parts = _parts(own, database, link, metrics, caches, calls, _providers(own, catalogue))
    parts = replace(parts, runs=PostgresRunStore(database, holder=holder))
    prompter = LatePrompter(own.llm.terms(), credentials, simulator=own.providers.base_url)
    parts = replace(parts, is_ready=_readiness(own, catalogue), prompter=prompter)
    return Services(
        settings=own,
        endpoints=places,
        parts=parts,
        runner=LocalRunner(parts, probes),
        metrics=metrics,
        caches=caches,
        access_keys=PostgresAccessKeys(database),
        board=PostgresBoard(database),
        _database=database,
        _link=link,
        _pools=(calls, probes),
        credentials=credentials,
        _catalogue=catalogue,
    )


def _parts(
    own: Settings,
    database: "Engine",
    link: RedisLink,
    recorder: Recorder,
    caches: tuple[FallbackCache, FallbackCache],
    calls: ThreadPoolExecutor,
    providers: Mapping[str, Provider],
) -> Parts:
    clock, version = SystemClock(), own.cache.version
    paid = PostgresPaidCalls(database)
    return Parts(
        rows=PostgresRowStore(database),
        trust=TrustBook(PostgresTrustStore(database), clock),
        runs=PostgresRunStore(database),
        paid=paid,
        providers=providers,
        responses=caches[0],
        cells=caches[1],
        leases=_leases(link, own, recorder),
        breakers=RedisBreakers(
            link, own.breaker.policy(), clock=clock, recorder=recorder, version=version
        ),
        governor=RedisGovernor(link, clock=clock, recorder=recorder, version=version),
        budgets=RedisBudgets(
            link, clock=clock, version=version, recorder=recorder, ledger=paid.spent
        ),
        recorder=recorder,
        clock=clock,
        calls=calls,
        policies=_policies(own),
    )


def _providers(own: Settings, catalogue: "Catalogue | None") -> Mapping[str, Provider]:
    return select(
        own.providers.chosen(),
        simulated=own.providers.simulated,
        modules=own.providers.modules,
        more=catalogue.providers if catalogue else None,
    )


def _readiness(own: Settings, catalogue: "Catalogue | None") -> Callable[[str], bool]:
    named = frozenset(own.providers.chosen() or ())
    return lambda name: name in named or catalogue is None or catalogue.is_ready(name)


def _catalogue(own: Settings, credentials: KeptCredentials) -> "Catalogue | None":
    asked = own.providers
    if not (asked.catalogue or asked.directory):
        return None
    # A third of a second, which only those pay who ask over the network.
    from providers.catalogued import Catalogue

    return Catalogue(
        credentials,
        with_catalogue=asked.catalogue,
        directory=asked.directory,
        contact=asked.contact or "",
        base_url=asked.base_url,
    )


def _credential_store(own: Settings, database: "Engine") -> PostgresCredentialStore:
    """Give where keys are kept. Raises `SettingsError` for a wrong keyring."""
    given = own.keyring.keys
    load = given_keys(given.get_secret_value()) if given else keyring_file(own)
    return PostgresCredentialStore(database, Sealer(load))


def keyring_file(own: Settings) -> KeyringFile:
    """Give the keyring's file; it is made when needed, but not beside a database of yours.

    Another machine's workers could open nothing with it.
    """
    return KeyringFile(own.keyring.file or own.home / _KEYRING, may_make=own.database_url is None)


def _credentials(own: Settings, database: "Engine") -> KeptCredentials:
    fallback = StoredCredentials({n: v.get_secret_value() for n, v in own.credentials.items()})
    for secret in fallback.secrets():
        register_secret(secret)
    return KeptCredentials(
        _credential_store(own, database), fallback, clock=SystemClock(), on_secret=register_secret
    )


def _cache(link: RedisLink, kind: str, own: Settings, recorder: Recorder) -> FallbackCache:
    policy = own.cache.policy()
    memory = MemoryCache(kind, policy, clock=SystemClock(), recorder=recorder)
    shared = RedisCache(link, kind, policy, recorder=recorder)
    return FallbackCache(shared, memory, recorder=recorder)


def _leases(link: RedisLink, own: Settings, recorder: Recorder) -> FallbackLeases:
    policy = own.singleflight.policy()
    shared = RedisLeases(link, policy, version=own.cache.version)
    return FallbackLeases(shared, MemoryLeases(policy, clock=SystemClock()), recorder=recorder)


def _policies(own: Settings) -> Policies:
    return Policies(
        cache=own.cache.policy(),
        singleflight=own.singleflight.policy(),
        probes=own.probes.policy(),
        fusion=own.fusion.policy(),
        runs=own.runs.policy(),
        budgets=own.budgets.policy(),
    )


def _check_schema(own: Settings, places: Endpoints) -> None:
    """Bring an embedded database to the newest schema; ask for it where it is not ours."""
    if own.database_url is None:
        upgrade(places.database_url)
    elif lacking := pending(places.database_url):
        raise DependencyError(f"the database lacks {len(lacking)} migrations; run `enrich migrate`")
