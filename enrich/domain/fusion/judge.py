"""A trust state made ready for use: what each provider's word weighs, looked up once."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
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


class _Weights(dict[str, tuple[float, tuple[float, ...]]]):
    """By provider what its word adds in one field: always, and by the bin of its confidence."""

    def __init__(self, state: TrustState, field: str) -> None:
        super().__init__()
        self._state, self._field = state, field

    def __missing__(self, provider: str) -> tuple[float, tuple[float, ...]]:
        known = self._state.fields.get(self._field, _UNKNOWN)
        accuracy = accuracy_of(self._state, provider, self._field)
        odds = log(known.spread * accuracy / (1.0 - accuracy))
        own = known.scale * odds + known.shifts.get(provider, 0.0)
        bins = tuple(known.scale * nats for nats in self._state.bins.get(provider, ()))
        return self.setdefault(provider, (own, bins))


class Judge:
    """Weighs votes by a trust state. Asked from several threads at once; all of it is derived."""

    def __init__(self, state: TrustState) -> None:
        self.state = state
        self._weights: dict[str, _Weights] = {}

    def field(self, name: str) -> FieldTrust:
        """Give what is known about a field."""
        return self.state.fields.get(name, _UNKNOWN)

    def read(self, votes: Iterable[Vote], field: str) -> Iterable[Vote]:
        """Give votes about a field as their providers mean them."""
        return reread(votes, field, self.field(field).notations)

    def family(self, family: str) -> str:
        """Give the family that a family or a lone provider was found to belong to."""
        return self.state.families.get(family, family)

    def weights(self, field: str) -> Mapping[str, tuple[float, tuple[float, ...]]]:
        """Give by provider the nats that its word adds in a field, and those by bin; see `bin_of`.

        It knows every provider, also those of which nothing was learned.
        """
        known = self._weights.get(field)
        return (
            known
            if known is not None
            else self._weights.setdefault(field, _Weights(self.state, field))
        )

    def weight(self, field: str, provider: str, confidence: float) -> float:
        """Give the nats that a provider's word adds to the score of a value."""
        own, bins = self.weights(field)[provider]
        return own + bins[bisect_right(BINS, confidence)] if bins else own
