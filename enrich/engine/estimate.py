"""Say what a run could cost at most, without asking anybody and without storing anything."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from enrich.domain.provider import ProviderSpec
from enrich.domain.run import RunOptions, RunView
from enrich.domain.table import Column, Row
from enrich.domain.waterfall import open_columns, plan_waves, waterfall_order

__all__ = ["Estimate", "Share", "estimate"]

#: Newer than every stamp, so that no cell counts as decided by the run that is not yet there.
_NEXT_RUN = 2**62


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """One provider's part: how many rows it may be asked about, and what that costs at most."""

    provider: str
    tier: str
    rows: int
    price_microcredits: int

    @property
    def most_microcredits(self) -> int:
        """The cost if it is asked about all of them and charges for each."""
        return self.rows * self.price_microcredits


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """The work of a run, counted from above: the cache and good answers make it less.

    `out_of_reach` counts cells of `cells` that no provider can fill from what their rows have.
    """

    rows: int
    cells: int
    out_of_reach: int
    shares: tuple[Share, ...]

    @property
    def most_microcredits(self) -> int:
        """The cost if everybody is asked about everything."""
        return sum(share.most_microcredits for share in self.shares)


def estimate(
    rows: Iterable[Row],
    *,
    columns: tuple[Column, ...],
    wanted: tuple[str, ...],
    options: RunOptions,
    specs: Sequence[ProviderSpec],
) -> Estimate:
    """Count, row by row, the open cells and who could be asked about them, in waves."""
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
    shapes_with_work = {shape: count for shape, count in shapes.items() if shape[1]}
    cells = sum(len(lacking) * count for (_, lacking), count in shapes_with_work.items())
    return Estimate(
        rows=sum(shapes_with_work.values()),
        cells=cells,
        out_of_reach=cells - reached,
        shares=tuple(_share(spec, asked[spec.name]) for spec in waterfall_order(specs)
                     if asked[spec.name]),
    )  # fmt: skip


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


def _share(spec: ProviderSpec, rows: int) -> Share:
    return Share(
        provider=spec.name,
        tier=spec.tier.value,
        rows=rows,
        price_microcredits=spec.price_microcredits,
    )
