"""Choose whom to ask about one row next, from what is believed of its open cells.

The same state of trust, the same answers and the same run choose the same: chance comes from the
names of run and row.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from enrich.domain.fusion import Fused, Judge
from enrich.domain.keys import digest
from enrich.domain.policy import SelectionPolicy
from enrich.domain.provider import ProviderSpec
from enrich.domain.selection.gain import Belief, Offer, Stakes, advantages
from enrich.domain.selection.offers import offer_of, waiting_s

__all__ = ["Choice", "Chooser", "OpenCell", "Why", "belief_of", "draw"]

#: Values beyond that are too improbable to matter.
_VALUES = 4
#: Beliefs that differ less are one, so that rows alike are thought through once.
_DIGITS = 3
#: Who was asked about a field less often is explored more.
_NOVICE = 10.0


class Why:
    """Why a provider is asked; words for people."""

    WORTH = "worth its price"
    FREE = "costs nothing and may help"
    EXPLORED = "to learn how good it is"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenCell:
    """A cell that may still be asked about; `heard` are the families that gave it a value."""

    field_name: str
    stakes: Stakes
    belief: Belief = field(default_factory=Belief)
    heard: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Whom to ask about a row in the next wave, and why; empty when no call is worth its price.

    `gain` is what the best of them is worth beyond its price, in micro-credits; `price` what all of
    them cost on average. `worth` says of everybody able what asking it is worth beyond its price.
    """

    asked: Mapping[str, str] = field(default_factory=dict)
    gain: float = 0.0
    price: float = 0.0
    worth: Mapping[str, float] = field(default_factory=dict)


def belief_of(fused: Fused | None) -> Belief:
    """Give what is believed of a cell by what was said about it."""
    if fused is None:
        return Belief()
    chances = tuple(round(c.probability, _DIGITS) for c in fused.candidates[:_VALUES])
    return Belief(chances, max(0.0, round(1.0 - sum(chances), _DIGITS)))


def draw(*names: object) -> float:
    """Give a number within 0 and 1 that depends on the names alone."""
    return int(digest([str(name) for name in names])[:13], 16) / 16.0**13


class Chooser:
    """Chooses by one state of trust. It remembers what it thought through; one thread at a time."""

    def __init__(
        self, judge: Judge, policy: SelectionPolicy, specs: Sequence[ProviderSpec]
    ) -> None:
        self.judge, self._policy = judge, policy
        self._specs = {spec.name: spec for spec in specs}
        self._offers: dict[tuple[str, str, int], Offer] = {}
        self._thought: dict[object, Mapping[str, float]] = {}

    def choose(
        self,
        cells: Sequence[OpenCell],
        able: Collection[str],
        *,
        seed: Sequence[object],
        is_first: bool,
        price_factor: float = 1.0,
    ) -> Choice:
        """Choose for a row whom of those `able` to ask next.

        Args:
            seed: what names the row in its run; chance comes from it.
            is_first: nobody was asked about the row yet.
            price_factor: how much dearer money is than its face, when it is short.
        """
        worth, price = self._worth(cells, sorted(able), price_factor)
        if not worth:
            return Choice()
        best = max(sorted(worth), key=lambda name: worth[name])
        asked: dict[str, str] = {}
        if worth[best] > 0.0:
            asked[best] = Why.WORTH
        asked |= self._free(worth, asked)
        if is_first:
            asked |= self._explored(worth, price, asked, cells, seed, price_factor)
        return Choice(
            asked=asked,
            gain=worth[best],
            price=sum(self._money(price, name) for name in asked),
            worth=worth,
        )

    def _worth(
        self, cells: Sequence[OpenCell], able: Sequence[str], price_factor: float
    ) -> tuple[Mapping[str, float], Mapping[str, float]]:
        worth: dict[str, float] = {}
        price: dict[str, float] = {}
        answers = {
            name: sum(cell.field_name in self._specs[name].gives for cell in cells) for name in able
        }
        for cell in cells:
            offers = [
                self._offer(name, cell.field_name, answers[name])
                for name in able
                if cell.field_name in self._specs[name].gives
            ]
            mine = [offer for offer in offers if offer.family not in cell.heard]
            for name, more in self._advantages(cell, mine, price_factor).items():
                worth[name] = worth.get(name, 0.0) + more
            for offer in mine:
                price[offer.provider] = price.get(offer.provider, 0.0) + offer.price
        return worth, price

    def _advantages(
        self, cell: OpenCell, offers: Sequence[Offer], price_factor: float
    ) -> Mapping[str, float]:
        key = (cell.field_name, cell.stakes, cell.belief, price_factor,
               tuple((offer.provider, offer.price) for offer in offers))  # fmt: skip
        known = self._thought.get(key)
        if known is None:
            known = advantages(cell.belief, offers, cell.stakes, price_factor=price_factor)
            self._thought[key] = known
        return known

    def _offer(self, name: str, field_name: str, cells: int) -> Offer:
        key = (name, field_name, cells)
        known = self._offers.get(key)
        if known is None:
            known = offer_of(
                self._specs[name],
                field_name,
                self.judge,
                cells=cells,
                second_price=self._policy.second_microcredits,
            )
            self._offers[key] = known
        return known

    def _free(self, worth: Mapping[str, float], asked: Mapping[str, str]) -> dict[str, str]:
        """Add who takes no money: beside others it costs no waiting either."""
        return {
            name: Why.FREE
            for name in sorted(worth)
            if name not in asked
            and not self._specs[name].is_paid
            and worth[name] + self._waiting(name) > 0.0
            and (asked or worth[name] > 0.0)
        }

    def _explored(
        self,
        worth: Mapping[str, float],
        price: Mapping[str, float],
        asked: Mapping[str, str],
        cells: Sequence[OpenCell],
        seed: Sequence[object],
        price_factor: float,
    ) -> dict[str, str]:
        most = max((cell.stakes.worth for cell in cells), default=0.0)
        return {
            name: Why.EXPLORED
            for name in sorted(worth)
            if name not in asked
            and self._money(price, name) * price_factor <= most
            and draw(*seed, name) < self._curiosity(name, cells)
        }

    def _curiosity(self, name: str, cells: Sequence[OpenCell]) -> float:
        """Give the chance that a provider is asked only to learn how good it is."""
        share = self._policy.explore_share
        habits = self.judge.state.habits
        gives = [c.field_name for c in cells if c.field_name in self._specs[name].gives]
        asked = min((habits.habit(one, name).asked for one in gives), default=_NOVICE)
        return share * (1.0 + 10.0 * max(0.0, 1.0 - asked / _NOVICE))

    def _waiting(self, name: str) -> float:
        return self._policy.second_microcredits * waiting_s(self.judge, self._specs[name])

    def _money(self, price: Mapping[str, float], name: str) -> float:
        return max(0.0, price.get(name, 0.0) - self._waiting(name))
