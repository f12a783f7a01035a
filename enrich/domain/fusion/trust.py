"""What has been learned about the providers: a value with a version, made of plain numbers.

Evidence is counted as how often a provider was right and wrong about a field, in weights that
forgetting makes smaller. A provider that is new in a field is trusted as it is elsewhere, and one
that is new altogether as all are.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from enrich.domain.fusion.habits import Habits
from enrich.domain.fusion.notations import Notation

__all__ = ["EVERYONE", "PRIOR_ACCURACY", "FieldTrust", "Tally", "TrustState", "accuracy_of"]

#: How much evidence of its own it takes to weigh as much as what is known one level above.
_STRENGTH = 5.0
#: How often a provider nobody knows is right, before there is any evidence.
PRIOR_ACCURACY = 0.8
#: Nobody is always right or always wrong.
_LEAST, _MOST = 0.005, 0.995
#: The name under which the tally of all providers stands.
EVERYONE = "*"


@dataclass(frozen=True, slots=True)
class Tally:
    """Evidence about somebody: how much of it was right, how much wrong."""

    right: float = 0.0
    wrong: float = 0.0

    @property
    def total(self) -> float:
        """All evidence."""
        return self.right + self.wrong

    def towards(self, prior: float) -> float:
        """Give the share that was right, shrunk towards a prior."""
        share = (self.right + _STRENGTH * prior) / (self.total + _STRENGTH)
        return min(_MOST, max(_LEAST, share))


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldTrust:
    """What was learned about one field.

    Attributes:
        tallies: evidence by provider.
        shifts: nats by provider that the learner adds to what the tallies say, because it is not
            independent of the others or is right exactly when they are not.
        spread: how many wrong values an answer that is wrong falls on, as if all were equal.
        scale: what the tallies' log-odds are multiplied with; below 1 when providers depend on
            each other.
        none: the score of "none of these is right"; None: that of `spread` values nobody gave.
        sharpness: what all scores are multiplied with, so that confidence is a probability.
        knots: pairs of (confidence before, share that was right), rising; empty until there is
            enough to say more than `sharpness` does.
        confusion: for a small set of categories: by provider, the log probability of what it says
            (inner) when this is true (outer); empty elsewhere. Then only this and `priors` count.
        priors: log probability of each category.
        labels: weight of the cells whose right value was known.
        notations: how providers write the field, where it is not as everybody does.
    """

    tallies: Mapping[str, Tally] = field(default_factory=dict)
    shifts: Mapping[str, float] = field(default_factory=dict)
    spread: float = 10.0
    scale: float = 1.0
    none: float | None = None
    sharpness: float = 1.0
    knots: tuple[tuple[float, float], ...] = ()
    confusion: Mapping[str, Mapping[str, Mapping[str, float]]] = field(default_factory=dict)
    priors: Mapping[str, float] = field(default_factory=dict)
    labels: float = 0.0
    notations: Mapping[str, Notation] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustState:
    """All that fusion knows about the providers; version 0 knows nothing.

    Attributes:
        providers: evidence by provider over all fields; under `EVERYONE` that of all of them.
        bins: by provider, the nats that its own confidence adds, by bin; see `bin_of`.
        families: by family (or provider without one) the family it was found to belong to.
        habits: how often each knows a field, and how fast fields grow old.
    """

    version: int = 0
    fields: Mapping[str, FieldTrust] = field(default_factory=dict)
    providers: Mapping[str, Tally] = field(default_factory=dict)
    bins: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    families: Mapping[str, str] = field(default_factory=dict)
    labels: float = 0.0
    cells: int = 0
    habits: Habits = field(default_factory=Habits)


def accuracy_of(state: TrustState, provider: str, field_name: str) -> float:
    """Say how often a provider is right about a field, as far as is known: within 0 and 1."""
    everyone = state.providers.get(EVERYONE, Tally()).towards(PRIOR_ACCURACY)
    overall = state.providers.get(provider, Tally()).towards(everyone)
    known = state.fields.get(field_name)
    return (known.tallies.get(provider, Tally()) if known else Tally()).towards(overall)
