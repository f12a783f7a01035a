"""What providers are believed to be good for in a field, before they are asked about a cell."""

from math import exp, log

from enrich.domain.fusion.habits import Habit
from enrich.domain.fusion.judge import BINS, Judge, bin_of
from enrich.domain.provider import Charge, ProviderSpec
from enrich.domain.selection.gain import Offer

__all__ = ["hit_rate", "offer_of", "waiting_s"]

#: How much evidence of its own it takes to weigh as much as what is known one level above.
_STRENGTH = 5.0
#: How often a provider knows a value, before it was ever asked.
_PRIOR_HIT = 0.5
#: Beyond that a word is as good as certain, or as good as none.
_MOST_NATS = 9.0
#: A confidence of each bin.
_TYPICAL = (0.25, *BINS)
#: How long a provider takes, before it was ever asked.
_PRIOR_WAIT_S = 1.0


def hit_rate(judge: Judge, provider: str, field: str) -> float:
    """Say how often a provider knows a field, as far as is known: within 0 and 1."""
    habits = judge.state.habits
    overall = _share(habits.overall(provider), _PRIOR_HIT)
    return _share(habits.habit(field, provider), overall)


def waiting_s(judge: Judge, spec: ProviderSpec) -> float:
    """Say how long one answer takes, as far as is known."""
    return judge.state.habits.latency_s.get(spec.name, min(_PRIOR_WAIT_S, spec.timeout_s))


def offer_of(
    spec: ProviderSpec, field: str, judge: Judge, *, cells: int = 1, second_price: float = 0.0
) -> Offer:
    """Give what asking a provider promises for one of the `cells` that one call answers.

    `second_price`: micro-credits that a second of waiting costs.
    """
    hit = hit_rate(judge, spec.name, field)
    charged = hit if spec.charge is Charge.ON_HIT else 1.0
    price = spec.price_microcredits * charged + second_price * waiting_s(judge, spec)
    known = judge.field(field)
    none = log(known.spread) if known.none is None else known.none
    return Offer(
        provider=spec.name,
        family=judge.family(spec.family or spec.name),
        price=price / cells,
        hit=hit,
        levels=_levels(spec, field, judge),
        spread=exp(_bounded(known.sharpness * none)),
    )


def _levels(spec: ProviderSpec, field: str, judge: Judge) -> tuple[tuple[float, float], ...]:
    seen = judge.state.habits.habit(field, spec.name).bins
    total = sum(seen)
    if not total or spec.name not in judge.state.bins:
        counts = {bin_of(spec.gives[field]): 1.0}
    else:
        counts = {place: count / total for place, count in enumerate(seen) if count}
    sharpness = judge.field(field).sharpness
    return tuple(
        (share, exp(_bounded(sharpness * judge.weight(field, spec.name, _TYPICAL[place]))))
        for place, share in counts.items()
    )


def _bounded(nats: float) -> float:
    return max(-_MOST_NATS, min(_MOST_NATS, nats))


def _share(habit: Habit, prior: float) -> float:
    return (habit.found + _STRENGTH * prior) / (habit.asked + _STRENGTH)
