"""The parts, joined: durable state in PostgreSQL, shared state in Redis, each with its policy."""

from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from enrich.engine.parts import Parts, Policies
from enrich.engine.trustbook import TrustBook
from enrich.ports import Provider, Recorder
from enrich.ports.callbacks import Callbacks
from enrich.ports.tracing import NO_TRACES, Tracer
from enrich.settings import Settings
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
from enrich.store.calls import PostgresPaidCalls
from enrich.store.rows import PostgresRowStore
from enrich.store.runs import PostgresRunStore
from enrich.store.trust import PostgresTrustStore
from providers.base import SystemClock
from providers.llm.late import LatePrompter

if TYPE_CHECKING:
    from sqlalchemy import Engine

__all__ = ["Ends", "Vendors", "caches_of", "parts_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ends:
    """What the parts hang on: the connections of the process, its threads and its counters."""

    database: "Engine"
    link: RedisLink
    recorder: Recorder
    calls: Executor
    tracer: Tracer = NO_TRACES


@dataclass(frozen=True, slots=True, kw_only=True)
class Vendors:
    """Who is asked, who of them could be now, and where they answer by themselves."""

    providers: Mapping[str, Provider]
    prompter: LatePrompter
    is_ready: Callable[[str], bool]
    callbacks: Callbacks


def parts_of(
    own: Settings,
    ends: Ends,
    caches: tuple[FallbackCache, FallbackCache],
    vendors: Vendors,
    *,
    holder: str,
) -> Parts:
    """Join the ports of a process; `holder` is the name that its batches are held under."""
    clock, version = SystemClock(), own.cache.version
    link, recorder, database = ends.link, ends.recorder, ends.database
    paid = PostgresPaidCalls(database)
    return Parts(
        rows=PostgresRowStore(database),
        runs=PostgresRunStore(database, holder=holder),
        trust=TrustBook(PostgresTrustStore(database), clock),
        paid=paid,
        providers=vendors.providers,
        prompter=vendors.prompter,
        is_ready=vendors.is_ready,
        callbacks=vendors.callbacks,
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
        calls=ends.calls,
        tracer=ends.tracer,
        policies=_policies(own),
    )


def caches_of(
    link: RedisLink, own: Settings, recorder: Recorder
) -> tuple[FallbackCache, FallbackCache]:
    """Give the cache of answers and the cache of cells."""
    return _cache(link, "response", own, recorder), _cache(link, "cell", own, recorder)


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
    stakes = own.selection.policy()
    return Policies(
        cache=own.cache.policy(),
        singleflight=own.singleflight.policy(),
        probes=own.probes.policy(),
        fusion=replace(own.fusion.policy(), stakes=stakes),
        runs=own.runs.policy(),
        budgets=own.budgets.policy(),
        selection=stakes,
    )
