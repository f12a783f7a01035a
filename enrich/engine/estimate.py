"""Say what a run could cost: least, expected, most. Nobody is asked and nothing is stored."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import prod

from enrich.domain.provider import Charge, ProviderSpec
from enrich.domain.run import RunOptions, RunView
from enrich.domain.table import Column, Row
from enrich.domain.waterfall import PROBE_TIERS, open_columns, plan_waves, waterfall_order

__all__ = ["Estimate", "Share", "estimate"]

#: Newer than every stamp, so that no cell counts as decided by the run that is not yet there.
_NEXT_RUN = 2**62

#: How often a provider knows a row, as long as nobody has seen.
_UNKNOWN_RATE = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """One provider's part: how many rows it may be asked about, and what that costs.

    `least` is charged for asking, whoever knows what; `expected` goes by how often the provider and
    those before it have known rows so far; `most` if it knows all of them and nobody else does.
    """

    provider: str
    tier: str
    rows: int
    least_microcredits: int
    expected_microcredits: int
    most_microcredits: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """The work of a run, counted from above: the cache and good answers make it less.

    `out_of_reach` counts cells of `cells` that no provider can fill from what their rows have;
    `unknown` names the wanted fields that nobody gives at all.
    """

    rows: int
    cells: int
    out_of_reach: int
    shares: tuple[Share, ...]
    unknown: tuple[str, ...] = ()

    @property
    def least_microcredits(self) -> int:
        """What asking alone costs."""
        return sum(share.least_microcredits for share in self.shares)

    @property
    def expected_microcredits(self) -> int:
        """The cost if the providers know as much as they did so far."""
        return sum(share.expected_microcredits for share in self.shares)

    @property
    def most_microcredits(self) -> int:
        """The cost if everybody is asked about everything, and knows it."""
        return sum(share.most_microcredits for share in self.shares)


def estimate(
    rows: Iterable[Row],
    *,
    columns: tuple[Column, ...],
    wanted: tuple[str, ...],
    options: RunOptions,
    specs: Sequence[ProviderSpec],
    hit_rates: Mapping[str, float] | None = None,
) -> Estimate:
    """Count, row by row, the open cells and who could be asked about them, in waves.

    `hit_rates` gives by provider how often it has known a row, 0 to 1; without one it is a half.
    """
    run = RunView(
        id=_NEXT_RUN, tenant="", table="", columns=columns, wanted=wanted, options=options
    )
    shapes = Counter(_shape(row, run) for row in rows)
    asked: Counter[str] = Counter()
    reached = 0
    for (given, lacking), count in shapes.items():
        waves = plan_waves(given, lacking, specs)
        reached += count * len(waves)
        asked.update(dict.fromkeys(_able(given, lacking, frozenset(waves), specs), count))
    able = [spec for spec in waterfall_order(specs) if asked[spec.name]]
    shapes_with_work = {shape: count for shape, count in shapes.items() if shape[1]}
    cells = sum(len(lacking) * count for (_, lacking), count in shapes_with_work.items())
    return Estimate(
        rows=sum(shapes_with_work.values()),
        cells=cells,
        out_of_reach=cells - reached,
        shares=_shares(able, asked, hit_rates or {}),
        unknown=tuple(c.field for c in run.wanted_columns if not _is_given(c.field, specs)),
    )


def _is_given(field: str, specs: Sequence[ProviderSpec]) -> bool:
    return any(field in spec.gives for spec in specs)


_Fields = frozenset[str]


def _shape(row: Row, run: RunView) -> tuple[_Fields, _Fields]:
    """Give which fields a row has and which it lacks; rows of one shape have one plan."""
    lacking = open_columns(row, run)
    given = row.known_fields(tuple(c for c in run.columns if c not in lacking))
    return frozenset(given), frozenset(column.field for column in lacking)


def _able(
    given: _Fields, lacking: _Fields, filled: _Fields, specs: Sequence[ProviderSpec]
) -> tuple[str, ...]:
    return tuple(
        spec.name
        for spec in specs
        if lacking & spec.gives.keys() and spec.can_ask_with(given | filled)
    )


def _shares(
    specs: Sequence[ProviderSpec], asked: Mapping[str, int], hit_rates: Mapping[str, float]
) -> tuple[Share, ...]:
    """Price the providers in the order of the waterfall."""
    return tuple(
        _share(spec, asked[spec.name], _reaching(spec, specs, hit_rates), _rate(spec, hit_rates))
        for spec in specs
    )


def _reaching(
    spec: ProviderSpec, specs: Sequence[ProviderSpec], hit_rates: Mapping[str, float]
) -> float:
    """Give the share of rows that come to a provider: to a premium one, what the others left."""
    if spec.tier in PROBE_TIERS:
        return 1.0
    before = [s for s in specs[: specs.index(spec)] if s.gives.keys() & spec.gives.keys()]
    return prod(1.0 - _rate(other, hit_rates) for other in before)


def _rate(spec: ProviderSpec, hit_rates: Mapping[str, float]) -> float:
    return hit_rates.get(spec.name, _UNKNOWN_RATE)


def _share(spec: ProviderSpec, rows: int, reaching: float, rate: float) -> Share:
    most = rows * spec.price_microcredits
    on_call = spec.charge is Charge.ON_CALL
    return Share(
        provider=spec.name,
        tier=spec.tier.value,
        rows=rows,
        least_microcredits=most if on_call and spec.tier in PROBE_TIERS else 0,
        expected_microcredits=round(most * reaching * (1.0 if on_call else rate)),
        most_microcredits=most,
    )
