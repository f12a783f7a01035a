"""A trust state made ready for use: what each provider's word weighs, looked up once."""

from bisect import bisect_right
from collections.abc import Iterable
from math import log

from enrich.domain.fusion.notations import reread
from enrich.domain.fusion.trust import FieldTrust, TrustState, accuracy_of
from enrich.domain.fusion.votes import Vote

__all__ = ["BINS", "Judge", "bin_of"]

#: Where the bins of a provider's own confidence begin, apart from the first.
BINS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
_UNKNOWN = FieldTrust()


def bin_of(confidence: float) -> int:
    """Give the number of the bin that a provider's own confidence falls in."""
    return bisect_right(BINS, confidence)


class Judge:
    """Weighs votes by a trust state. Asked from several threads at once; all of it is derived."""

    def __init__(self, state: TrustState) -> None:
        self.state = state
        self._weights: dict[tuple[str, str], tuple[float, tuple[float, ...]]] = {}

    def field(self, name: str) -> FieldTrust:
        """Give what is known about a field."""
        return self.state.fields.get(name, _UNKNOWN)

    def read(self, votes: Iterable[Vote], field: str) -> Iterable[Vote]:
        """Give votes about a field as their providers mean them."""
        return reread(votes, field, self.field(field).notations)

    def family(self, family: str) -> str:
        """Give the family that a family or a lone provider was found to belong to."""
        return self.state.families.get(family, family)

    def weight(self, field: str, provider: str, confidence: float) -> float:
        """Give the nats that a provider's word adds to the score of a value."""
        known = self._weights.get((field, provider))
        if known is None:
            known = self._weights.setdefault((field, provider), self._learned(field, provider))
        own, bins = known
        return own + bins[bisect_right(BINS, confidence)] if bins else own

    def log_odds(self, field: str, provider: str) -> float:
        """Give what the tallies alone say: log(n·a / (1 − a)) for accuracy a, n wrong values."""
        accuracy = accuracy_of(self.state, provider, field)
        return log(self.field(field).spread * accuracy / (1.0 - accuracy))

    def _learned(self, field: str, provider: str) -> tuple[float, tuple[float, ...]]:
        known = self.field(field)
        own = known.scale * self.log_odds(field, provider) + known.shifts.get(provider, 0.0)
        return own, tuple(known.scale * nats for nats in self.state.bins.get(provider, ()))
