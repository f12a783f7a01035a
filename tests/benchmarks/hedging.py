"""Second calls: how long answers of a provider with a heavy tail take, with them and without.

The provider is a simulated one over real HTTP: log-normal times, one call in twenty takes twenty
times as long. Both sides ask the same questions, in blocks by turns.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from math import ceil, inf

from enrich.domain.provider import Answer, Query
from enrich.engine.hedges import Hedges
from enrich.engine.pace import Starts, ask_paced
from enrich.engine.parts import Parts
from enrich.ports import Deadline
from providers.base import SystemClock
from providers.catalogued import elsewhere
from providers.credentials import StoredCredentials
from providers.http import HttpClient
from providers.http_provider import HttpProvider
from providers.simulator import Behaviour, Simulator
from providers.spec import load_catalogue
from tests.benchmarks.measuring import Figure
from tests.benchmarks.places import Place
from tests.unit.engine_world import world

__all__ = ["hedging"]

_VENDOR = "ipinfo"
_BLOCKS, _BLOCK = 20, 150
_LATENCY_S, _TAIL = 0.02, 0.05
_SHARES = (0.05,)


@dataclass(slots=True)
class _Side:
    """One way to ask: its parts, and what came of it."""

    parts: Parts
    answers: list[Answer] = field(default_factory=list)

    @property
    def calls(self) -> int:
        return sum(answer.calls for answer in self.answers)

    def quantile_ms(self, share: float) -> float:
        """Give the time that this share of the answers took at most."""
        times = sorted(answer.latency_s for answer in self.answers)
        return times[ceil(share * len(times)) - 1] * 1000


def hedging(_place: Place) -> list[Figure]:
    """Ask three thousand questions each way, eight at once."""
    with ExitStack() as stack:
        behaviour = Behaviour(latency_s=_LATENCY_S, tail=_TAIL, limits=False)
        spec = next(spec for spec in load_catalogue() if spec.name == _VENDOR)
        simulator = stack.enter_context(Simulator([spec], behaviour))
        client = HttpClient()
        stack.callback(client.close)
        provider = HttpProvider(
            elsewhere(spec, simulator.url),
            client=client,
            credentials=StoredCredentials({_VENDOR: "key"}),
        )
        sides = {share: _side(stack, share) for share in (0.0, *_SHARES)}
        for block in range(_BLOCKS):
            for share, side in sides.items():
                side.answers += _asked(side.parts, provider, block, share)
        for side in sides.values():
            side.parts.hedges.close(wait=True)
        came = simulator.ledger.calls(_VENDOR)
    assert came == sum(side.calls for side in sides.values())
    return [_figure(sides[0.0], sides[share], share) for share in _SHARES]


def _asked(parts: Parts, provider: HttpProvider, block: int, share: float) -> Sequence[Answer]:
    # Its own addresses for each side: how long a question takes hangs on how often it was asked.
    octet = round(share * 100) + 1
    queries = [
        Query(row=n, inputs={"ip_address": f"{octet}.{block}.{n // 250}.{n % 250 + 1}"})
        for n in range(_BLOCK)
    ]
    starts = Starts(at_s=(parts.clock.monotonic_s(),) * _BLOCK, late_s=inf, again=lambda: 0.0)
    deadline = Deadline(parts.clock.monotonic_s() + 60)
    return ask_paced(parts, provider, queries, starts, deadline)


def _figure(bare: _Side, own: _Side, share: float) -> Figure:
    more = {
        f"p{quantile:g}_ms{name}": round(side.quantile_ms(quantile / 100), 1)
        for quantile in (50, 95, 99, 99.9)
        for name, side in (("", own), ("_without", bare))
    }
    extra = own.calls - len(own.answers)
    return Figure(
        name=f"hedging, {share:.0%}",
        what=f"99 of 100 answers, {share:.0%} of calls twice at most",
        against="each asked once",
        value_us=own.quantile_ms(0.99) * 1000,
        against_us=bare.quantile_ms(0.99) * 1000,
        ratio=own.quantile_ms(0.99) / bare.quantile_ms(0.99),
        more={**more, "extra_calls_percent": round(100 * extra / len(own.answers), 2)},
    )


def _side(stack: ExitStack, share: float) -> _Side:
    own = stack.enter_context(world()).parts
    probes = replace(own.policies.probes, hedge_share=share)
    return _Side(
        replace(
            own,
            clock=SystemClock(),
            calls=stack.enter_context(ThreadPoolExecutor(32)),
            policies=replace(own.policies, probes=probes),
            hedges=Hedges(),
        )
    )
