"""What the console's stream tells: runs, providers, what was spent and whom to trust, the queues.

Each reading is small and its own, so that one server that is away costs its own part only.
"""

import time
from collections import deque
from collections.abc import Mapping, Sequence
from functools import partial

from enrich.api.asked import Broker
from enrich.api.console.hub import Section
from enrich.bootstrap import Services
from enrich.domain.fusion.trust import EVERYONE, TrustState
from enrich.domain.keys import breaker_key, provider_of
from enrich.domain.metrics import CACHE_HITS, CACHE_MISSES, CELL_HITS, COALESCED, Sums
from enrich.domain.provider import ProviderSpec
from enrich.domain.run import RunState
from enrich.domain.values import Json, JsonObject, credits_of
from enrich.domain.vitals import Vitals, vitals_of
from enrich.engine.gather import trust_of
from enrich.engine.report import run_report
from enrich.ports import BreakerStatus, RunSummary

__all__ = ["sections_of"]

_RUNS_SHOWN = 12
#: Over how many seconds a speed is told.
_SPEED_S = 8.0
#: How long ago "lately" begins.
_LATELY_S = 60.0
_ENDED = ("done", "parked", "cancelled")


def sections_of(own: Services, broker: Broker) -> tuple[Section, ...]:
    """Give what is told, and how often it is looked at."""
    return (
        Section(name="runs", period_s=0.6, begin=lambda tenant: _Runs(own, tenant).read),
        Section(name="providers", period_s=0.9, begin=lambda _: _Providers(own).read, shared=True),
        Section(
            name="system", period_s=0.9, begin=lambda _: partial(_system, own, broker), shared=True
        ),
        Section(
            name="workers", period_s=10.0, begin=lambda _: partial(_workers, broker), shared=True
        ),
        Section(name="spent", period_s=4.0, begin=lambda tenant: partial(_spent, own, tenant)),
        Section(name="trust", period_s=60.0, begin=lambda tenant: partial(_trust, own, tenant)),
    )


class _Runs:
    """The newest runs of a tenant, and how fast they go."""

    def __init__(self, own: Services, tenant: str) -> None:
        self._own, self._tenant = own, tenant
        self._looks: deque[tuple[float, Mapping[int, int]]] = deque()

    def read(self) -> JsonObject:
        """Tell how the newest runs stand."""
        found = self._own.parts.runs.runs(self._tenant, limit=_RUNS_SHOWN)
        now_s = time.monotonic()
        while len(self._looks) > 1 and self._looks[1][0] <= now_s - _SPEED_S:
            self._looks.popleft()
        decided = {run.id: _decided(run) for run in found}
        self._looks.append((now_s, decided))
        since_s, before = self._looks[0]
        past_s = now_s - since_s
        items: list[Json] = [
            {**_run_json(run), "cells_per_s": _speed(run, decided, before, past_s)} for run in found
        ]
        return {"items": items}


def _decided(run: RunSummary) -> int:
    counts = run.counts
    return counts.filled + counts.not_found + counts.pending + counts.failed + counts.skipped


def _speed(
    run: RunSummary, now: Mapping[int, int], before: Mapping[int, int], past_s: float
) -> float | None:
    """Give cells a second; of a run that has just begun: as far as it was looked at."""
    if run.state is not RunState.RUNNING or past_s < 0.5:
        return None
    return round((now[run.id] - before.get(run.id, 0)) / past_s, 1)


def _run_json(run: RunSummary) -> JsonObject:
    total = sum(run.batches.values())
    return {
        **run_report(run),
        "columns": [*run.wanted],
        "batches": total,
        "batches_ended": sum(run.batches.get(phase, 0) for phase in _ENDED),
        "parked": run.batches.get("parked", 0),
        "parked_reasons": [*run.parked_reasons],
        "started_at": run.started_at.isoformat(),
        "finished_at": run.finished_at.isoformat() if run.finished_at else None,
    }


class _Providers:
    """All providers with their breakers and how they do: lately, or where nothing was, ever."""

    def __init__(self, own: Services) -> None:
        self._own = own
        self._looks: deque[tuple[float, Mapping[str, Vitals]]] = deque()

    def read(self) -> JsonObject:
        """Tell how all providers do."""
        now_s, ever = time.monotonic(), vitals_of(self._own.metrics.read())
        while self._looks and self._looks[0][0] < now_s - _LATELY_S:
            self._looks.popleft()
        self._looks.append((now_s, ever))
        before = self._looks[0][1]
        specs = sorted(self._own.parts.specs, key=lambda spec: spec.name)
        states = _states(self._own, specs)
        none = Vitals()
        items: list[Json] = []
        for spec in specs:
            whole = ever.get(spec.name, none)
            lately = whole.since(before.get(spec.name, none))
            items.append(_provider_json(spec, states.get(spec.gate, ()), whole, lately))
        return {"items": items, "lately_s": _LATELY_S}


def _states(own: Services, specs: Sequence[ProviderSpec]) -> Mapping[str, Sequence[BreakerStatus]]:
    """Give by gate its breakers, the one that all share first."""
    breakers = own.parts.breakers
    shared = [breaker_key(spec.gate) for spec in specs]
    others = [key for key in breakers.known() if key not in shared]
    by_gate: dict[str, list[BreakerStatus]] = {}
    for key, status in breakers.status([*dict.fromkeys(shared), *others]).items():
        by_gate.setdefault(provider_of(key), []).append(status)
    return by_gate


def _provider_json(
    spec: ProviderSpec, states: Sequence[BreakerStatus], ever: Vitals, lately: Vitals
) -> JsonObject:
    shown = lately if lately.calls.count or lately.asked else ever
    timed = shown.calls if shown.calls.count else ever.calls
    return {
        "provider": spec.name,
        "tier": spec.tier.value,
        "price": credits_of(spec.price_microcredits),
        "simulated": spec.simulated,
        "breaker": _breaker_json(states),
        "asked": ever.asked,
        "cached": ever.cached,
        "lately": lately.asked,
        "error_rate": _rounded(shown.error_rate),
        "hit_rate": _rounded(shown.hit_rate),
        "p50_s": _rounded(timed.quantile_s(0.50)),
        "p95_s": _rounded(timed.quantile_s(0.95)),
        "p99_s": _rounded(timed.quantile_s(0.99)),
    }


def _breaker_json(states: Sequence[BreakerStatus]) -> JsonObject:
    if not states:
        return {"state": "closed", "held": False, "reason": "", "retry_at": None, "keys_open": 0}
    shared, *own = states
    return {
        "state": shared.state,
        "held": shared.held,
        "reason": shared.reason,
        "retry_at": shared.retry_at.isoformat() if shared.retry_at else None,
        "successes": shared.successes,
        "failures": shared.failures,
        "keys_open": sum(status.state == "open" for status in own),
    }


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(number, 4)


def _system(own: Services, broker: Broker) -> JsonObject:
    sums, waiting = own.metrics.read(), own.board.waiting()
    return {
        **_shared_work(sums),
        "queues": dict(broker.depths()),
        "parked_messages": broker.parked(),
        "open_batches": dict(waiting.batches),
        "oldest_run_s": round(waiting.oldest_s),
    }


def _shared_work(sums: Sums) -> JsonObject:
    hits = sums.total(CELL_HITS) + sums.total(CACHE_HITS)
    asked = hits + sums.total(CACHE_MISSES)
    return {
        "cache_hits": hits,
        "cache_requests": asked,
        "cache_hit_rate": _rounded(hits / asked) if asked else None,
        "singleflight_joins": sums.total(COALESCED),
    }


def _workers(broker: Broker) -> JsonObject:
    return {"workers": broker.workers()}


def _spent(own: Services, tenant: str) -> JsonObject:
    spent = own.board.spent_on(tenant)
    return {
        "today": credits_of(sum(spent.values())),
        "providers": {name: credits_of(amount) for name, amount in spent.items()},
    }


def _trust(own: Services, tenant: str) -> JsonObject:
    state = trust_of(own.parts).store.newest(tenant)
    return {"version": state.version, "labels": state.labels, "providers": _accuracies(state)}


def _accuracies(state: TrustState) -> JsonObject:
    """Say of each provider how often it was right over all fields, and on how much that rests."""
    return {
        name: {"right": round(tally.right / tally.total, 4), "of": round(tally.total, 1)}
        for name, tally in sorted(state.providers.items())
        if name != EVERYONE and tally.total
    }
