"""Shared state around a call: what each step costs, against bare calls of the same number."""

from collections.abc import Callable

from enrich.domain.calls import CallReport
from enrich.domain.policy import BreakerPolicy, SingleflightPolicy
from enrich.domain.rate import RateLimit
from enrich.ports import Reservation
from enrich.state.breaker import RedisBreakers
from enrich.state.budget import RedisBudgets
from enrich.state.governor import RedisGovernor
from enrich.state.leases import RedisLeases
from enrich.state.metrics_memory import MemoryMetrics
from providers.base import SystemClock
from tests.benchmarks.measuring import Figure, compare
from tests.benchmarks.places import Place

__all__ = ["breaker", "budget", "governor", "singleflight"]

_CALLS = 60
#: So much that nothing is ever refused.
_WIDE = RateLimit(1_000_000, 1.0)
_NOTHING = "return 1"


def breaker(place: Place) -> list[Figure]:
    """Leave for one call and the report of it."""
    link = place.link()
    breakers = RedisBreakers(
        link,
        BreakerPolicy(),
        clock=SystemClock(),
        recorder=MemoryMetrics(),
        version=place.version,
    )

    def work() -> None:
        breakers.report("bench", breakers.acquire("bench"), CallReport(successes=1))

    figures = _against_bare(
        place, "breaker", what="acquire and report one call", work=work, round_trips=2
    )
    link.close()
    return figures


def singleflight(place: Place) -> list[Figure]:
    """A lone caller's lease: claimed and released, with nobody waiting."""
    link = place.link()
    leases = RedisLeases(link, SingleflightPolicy(), version=place.version)

    def work() -> None:
        leases.release("default", leases.claim("default", ["bench"], lease_s=30))

    figures = _against_bare(
        place, "singleflight, alone", what="claim and release one name", work=work, round_trips=2
    )
    link.close()
    return figures


def governor(place: Place) -> list[Figure]:
    """Starts booked for one call, and for a batch of two hundred."""
    link = place.link()
    own = RedisGovernor(link, clock=SystemClock(), recorder=MemoryMetrics(), version=place.version)

    def reserving(want: int) -> Callable[[], object]:
        return lambda: own.reserve("bench", want=want, max_delay_s=10, limits=[_WIDE])

    figures = [
        figure
        for want in (1, 200)
        for figure in _against_bare(
            place,
            f"governor, {want}",
            what=f"reserve {want}",
            work=reserving(want),
            round_trips=1,
        )
    ]
    link.close()
    return figures


def budget(place: Place) -> list[Figure]:
    """Money put aside in one scope, and booked."""
    link = place.link()
    budgets = RedisBudgets(link, clock=SystemClock(), version=place.version)

    def work() -> None:
        held = budgets.reserve("default", {"run:1": 2**52}, 1000, hold_s=60)
        assert isinstance(held, Reservation)
        budgets.commit("default", held, 1000)

    figures = _against_bare(
        place, "budget", what="reserve and commit, one scope", work=work, round_trips=2
    )
    link.close()
    return figures


def _against_bare(
    place: Place, name: str, *, what: str, work: Callable[[], object], round_trips: int
) -> list[Figure]:
    """Hold `work` against as many PINGs, and as many calls of a script that does nothing."""
    with place.bare() as client:
        script = client.script_load(_NOTHING)
        bares: dict[str, Callable[[], object]] = {
            "PING": client.ping,
            "empty EVALSHA": lambda: client.evalsha(script, 0),
        }
        return [
            compare(
                name,
                what=what,
                work=work,
                against=f"{round_trips} × {kind}",
                bare=_times(round_trips, bare),
                calls=_CALLS,
            )
            for kind, bare in bares.items()
        ]


def _times(number: int, bare: Callable[[], object]) -> Callable[[], object]:
    return lambda: [bare() for _ in range(number)]
