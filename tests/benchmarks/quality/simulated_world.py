"""Providers with hidden parameters, and cells that they answer about; the same for every policy."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from math import exp, log
from random import Random

from enrich.domain.fusion import Vote
from enrich.domain.provider import Charge, ProviderSpec, Tier

__all__ = ["FIELDS", "Said", "SimulatedWorld"]

#: Four fields of three segments each: a provider is as good in one as it is, and not in the next.
FIELDS = tuple(f"field{number}/{segment}" for number in range(4) for segment in "abc")
AT = datetime(2026, 1, 1, tzinfo=UTC)
#: Wrong answers fall on a list, of which each is half as common as the one before.
_WRONG = 8
#: Name, tier, least and most price in micro-credits, charged when; three are free or nearly.
_KINDS = (
    ("free1", Tier.FREE, 0, 0, Charge.ON_HIT),
    ("free2", Tier.FREE, 0, 0, Charge.ON_HIT),
    ("cheap1", Tier.CHEAP, 2_000, 10_000, Charge.ON_CALL),
    ("cheap2", Tier.CHEAP, 2_000, 10_000, Charge.ON_CALL),
    ("cheap3", Tier.CHEAP, 2_000, 10_000, Charge.ON_CALL),
    ("mid1", Tier.CHEAP, 20_000, 40_000, Charge.ON_HIT),
    ("prem1", Tier.PREMIUM, 60_000, 140_000, Charge.ON_HIT),
    ("prem2", Tier.PREMIUM, 60_000, 140_000, Charge.ON_HIT),
)
_LIKELY = {Tier.FREE: (0.2, 0.75, 0.55, 0.9), Tier.CHEAP: (0.3, 0.85, 0.6, 0.93),
           Tier.PREMIUM: (0.6, 0.95, 0.85, 0.985)}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Said:
    """What a provider says about a cell; `value` is empty when it knows none."""

    value: str
    confidence: float
    latency_s: float

    @property
    def is_right(self) -> bool:
        """Whether it is the right value."""
        return self.value == "right"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Nature:
    """One provider's hidden parameters: by field, in log-odds, and how it speaks of itself."""

    hit: Mapping[str, float]
    right: Mapping[str, float]
    sure_if_right: float
    sure_if_wrong: float
    sure: float
    unsure: float
    latency: float


class SimulatedWorld:
    """Cells by number, each with a field, a hidden difficulty and what each provider says."""

    def __init__(
        self, seed: int, *, copying: bool = False, turns_bad_at: int | None = None
    ) -> None:
        """`copying`: two cheap ones repeat `free1` seven times in ten.

        `turns_bad_at`: from that cell on the most used of the cheap ones is seldom right.
        """
        self.seed, self._copying, self._turns_bad_at = seed, copying, turns_bad_at
        chance = Random(f"world {seed}")
        self.specs = tuple(self._spec(kind, chance) for kind in _KINDS)
        self._known: dict[tuple[int, str], Said] = {}
        self._natures = {spec.name: _nature(spec, chance) for spec in self.specs}
        self.turning = max(
            ("cheap1", "cheap2", "cheap3"),
            key=lambda n: sum(self._natures[n].right.values()) + sum(self._natures[n].hit.values()),
        )

    def _spec(self, kind: tuple[str, Tier, int, int, Charge], chance: Random) -> ProviderSpec:
        name, tier, least, most, charge = kind
        return ProviderSpec(
            name=name,
            version="1",
            tier=tier,
            gives=dict.fromkeys(FIELDS, 0.8),
            inputs=(frozenset({"key"}),),
            price_microcredits=round(chance.uniform(least, most)),
            charge=charge,
        )

    @cached_property
    def by_name(self) -> Mapping[str, ProviderSpec]:
        """The providers."""
        return {spec.name: spec for spec in self.specs}

    def field_of(self, cell: int) -> str:
        """Give the field of a cell."""
        return Random(f"{self.seed} field {cell}").choice(FIELDS)

    def says(self, cell: int, provider: str) -> Said:
        """Give what a provider says about a cell, whoever asks and however often."""
        known = self._known.get((cell, provider))
        if known is None:
            known = self._known.setdefault((cell, provider), self._draw(cell, provider))
        return known

    def _draw(self, cell: int, provider: str) -> Said:
        own = self._own(cell, provider)
        if self._copying and provider in {"cheap1", "cheap2"} and own.value:
            source = self._own(cell, "free1")
            if source.value and Random(f"{self.seed} copy {cell} {provider}").random() < 0.7:
                return replace(own, value=source.value)
        return own

    def _own(self, cell: int, provider: str) -> Said:
        nature, field = self._natures[provider], self.field_of(cell)
        hard = Random(f"{self.seed} hard {cell}").gauss(0.0, 0.6)
        chance = Random(f"{self.seed} {cell} {provider}")
        latency_s = chance.lognormvariate(nature.latency, 0.7)
        turned = self._turns_bad_at is not None and cell >= self._turns_bad_at
        right = log(0.35 / 0.65) if turned and provider == self.turning else nature.right[field]
        is_hit = chance.random() < _share(nature.hit[field] - hard)
        is_right = chance.random() < _share(right - hard)
        is_sure = chance.random() < (nature.sure_if_right if is_right else nature.sure_if_wrong)
        wrong = f"wrong{min(_WRONG, int(-log(1.0 - chance.random()) / log(2.0)))}"
        if not is_hit or latency_s > 10.0:
            return Said("", 0.0, min(10.0, latency_s))
        value = "right" if is_right else wrong
        return Said(value, nature.sure if is_sure else nature.unsure, latency_s)

    def vote(self, cell: int, provider: str) -> Vote | None:
        """Give a provider's vote about a cell, if it knows a value."""
        said = self.says(cell, provider)
        if not said.value:
            return None
        return Vote(
            provider=provider,
            family=provider,
            rank=self.by_name[provider].price_microcredits,
            value=said.value,
            confidence=said.confidence,
            observed_at=AT,
            key=said.value,
        )


def _nature(spec: ProviderSpec, chance: Random) -> _Nature:
    low_hit, high_hit, low_right, high_right = _LIKELY[spec.tier]
    hit, right = chance.uniform(low_hit, high_hit), chance.uniform(low_right, high_right)
    honesty = chance.uniform(0.0, 0.35)
    return _Nature(
        hit={name: _odds(hit) + chance.gauss(0.0, 0.5) for name in FIELDS},
        right={name: _odds(right) + chance.gauss(0.0, 0.5) for name in FIELDS},
        sure_if_right=0.6 + honesty,
        sure_if_wrong=0.6 - honesty,
        sure=chance.uniform(0.82, 0.98),
        unsure=chance.uniform(0.45, 0.75),
        latency=chance.uniform(-0.7, 0.9),
    )


def _odds(share: float) -> float:
    return log(share / (1.0 - share))


def _share(odds: float) -> float:
    return 1.0 / (1.0 + exp(-odds))
