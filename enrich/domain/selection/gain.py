"""What asking one more provider about a cell is worth, by what is believed of it so far.

A right value earns its worth, a wrong one costs its loss, and an empty cell neither; so a value is
taken from a probability of loss / (worth + loss) on. A question is worth what it adds on average to
the better of taking and leaving, less its price. Two weak answers may make one strong: so a first
question is judged with the best second one, asked or not when the first answer is there.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

__all__ = ["Belief", "Offer", "Stakes", "advantages", "worth_now"]

#: What is less probable is not thought through.
_NEVER = 1e-9


@dataclass(frozen=True, slots=True)
class Stakes:
    """What a right value earns and a wrong one costs, in micro-credits."""

    worth: float
    loss: float

    @property
    def least(self) -> float:
        """The probability from which on a value is taken."""
        return self.loss / (self.worth + self.loss) if self.loss else 0.0


@dataclass(frozen=True, slots=True)
class Belief:
    """How probable each value is that was given for a cell, and that none of them is right."""

    chances: tuple[float, ...] = ()
    none: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """One provider that may be asked about a cell.

    Attributes:
        family: who has heard one of its members has heard all of them.
        price: micro-credits that asking costs on average, waiting included.
        hit: how often it knows a value, within 0 and 1.
        levels: pairs of how often its answer is of a kind, and by how much such an answer makes a
            value more probable than each other: as a factor of the odds.
        spread: over how many wrong values its wrong answers fall.
    """

    provider: str
    family: str
    price: float
    hit: float
    levels: tuple[tuple[float, float], ...]
    spread: float


def worth_now(belief: Belief, stakes: Stakes) -> float:
    """Give what the cell is worth if nobody else is asked."""
    best = max(belief.chances, default=0.0)
    return max(0.0, (stakes.worth + stakes.loss) * best - stakes.loss)


def advantages(
    belief: Belief, offers: Sequence[Offer], stakes: Stakes, *, price_factor: float = 1.0
) -> Mapping[str, float]:
    """Give by provider what asking it first is worth beyond asking nobody, in micro-credits."""
    now = worth_now(belief, stakes)
    return {
        offer.provider: _after(belief, offer, offers, stakes, now, price_factor)
        - now
        - offer.price * price_factor
        for offer in offers
    }


def _after(
    belief: Belief,
    offer: Offer,
    offers: Sequence[Offer],
    stakes: Stakes,
    now: float,
    price_factor: float,
) -> float:
    """Give the mean worth after one answer, with the best question that may follow it."""
    kin = [o for o in offers if o.family != offer.family]
    others = [o for o in offers if o.provider != offer.provider]
    silent = max((_gain(belief, o, stakes, now, price_factor) for o in others), default=0.0)
    total = (1.0 - offer.hit) * (now + max(0.0, silent))
    for chance, then in _outcomes(belief, offer):
        worth = worth_now(then, stakes)
        more = max((_gain(then, o, stakes, worth, price_factor) for o in kin), default=0.0)
        total += offer.hit * chance * (worth + max(0.0, more))
    return total


def _outcomes(belief: Belief, offer: Offer) -> Iterator[tuple[float, Belief]]:
    """List what an answer may say, how probable that is, and what is believed then."""
    none = belief.none
    for share, factor in offer.levels:
        right, same, new = _likelihoods(belief, factor, offer.spread)
        for place, chance in enumerate(belief.chances):
            says = chance * right + (1.0 - chance) * same
            if says > _NEVER:
                after = [c * same / says for c in belief.chances]
                after[place] = chance * right / says
                yield share * says, Belief(tuple(after), none * same / says)
        says = none * (right + new - same) + (1.0 - none) * new
        if says > _NEVER:
            after = [c * new / says for c in belief.chances]
            after.append(none * right / says)
            yield share * says, Belief(tuple(after), none * max(0.0, new - same) / says)


def _likelihoods(belief: Belief, factor: float, spread: float) -> tuple[float, float, float]:
    """Say how probable an answer is: the right value, a given wrong one, one that is new and wrong.

    The last where the truth is given already; else it is less by the second.
    """
    right = factor / (factor + spread)
    same = (1.0 - right) / max(spread, float(len(belief.chances)))
    return right, same, 1.0 - right - same * (len(belief.chances) - 1)


def _gain(belief: Belief, offer: Offer, stakes: Stakes, now: float, price_factor: float) -> float:
    """Give what one answer adds on average, less its price."""
    chances, none = belief.chances, belief.none
    scale, loss = stakes.worth + stakes.loss, stakes.loss
    best = max(chances, default=0.0)
    mean = 0.0
    for share, factor in offer.levels:
        right, same, new = _likelihoods(belief, factor, offer.spread)
        says = none * (right + new - same) + (1.0 - none) * new
        worth = max(0.0, scale * max(none * right, best * new) - loss * says)
        for chance in chances:
            says = chance * right + (1.0 - chance) * same
            worth += max(0.0, scale * max(chance * right, best * same) - loss * says)
        mean += share * worth
    return offer.hit * (mean - now) - offer.price * price_factor
