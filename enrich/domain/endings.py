"""Why cells have no value: the sentence of one, and those of many counted and read again."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from enrich.domain.outcome import BREAKER, OVER_BUDGET, OutcomeKind, told_of
from enrich.domain.provider import ProviderSpec
from enrich.domain.run import Counts, Response
from enrich.domain.table import CellState, CellWrite

__all__ = [
    "NOBODY_GIVES",
    "NO_INPUT",
    "Ending",
    "endings_by_reason",
    "endings_of",
    "is_left_alone",
    "is_outage",
    "is_over_budget",
    "is_without_input",
    "needed_field",
    "reasons_of",
    "unaskable",
]

#: How a cell's reason begins that nobody was asked about.
NO_INPUT = "no provider could be asked with what the row has"
NOBODY_GIVES = "no provider gives the field"
_NEEDS = " (needs "

#: What a reason may say about one row alone, so that it would be counted by itself; a provider's
#: name, which a reason begins with, may have many digits too.
_OF_ONE_ROW = re.compile(r"(?<!\S)(?![a-z][a-z0-9_]*: )(?:\S*@\S+|\S*\d{5,}\S*)")
#: Of one batch; where there are more, they are counted without what is in brackets.
_REASONS_KEPT = 8
#: So many of the ways to ask are told where none is open.
_WAYS_TOLD = 3
#: Why nobody was asked, where that is told of the whole run: no money, or a breaker.
_NO_MONEY, _REFUSED = (f": {OutcomeKind.SKIPPED} ({why}" for why in (OVER_BUDGET, BREAKER))
_IN_BRACKETS = re.compile(rf" \((?!{OVER_BUDGET}|{BREAKER} )[^()]*\)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """So many cells of a run ended in one state for one reason, without a value."""

    state: CellState
    reason: str
    cells: int


def is_outage(ending: Ending) -> bool:
    """Say whether the cells have no value because nobody who may know could be asked."""
    return ending.state is CellState.FAILED or is_left_alone(ending)


def is_left_alone(ending: Ending) -> bool:
    """Say whether somebody was not asked about the cells because of a breaker."""
    return _was_skipped(ending, _REFUSED)


def is_over_budget(ending: Ending) -> bool:
    """Say whether somebody was not asked about the cells for want of money."""
    return _was_skipped(ending, _NO_MONEY)


def _was_skipped(ending: Ending, why: str) -> bool:
    return ending.state is CellState.SKIPPED and why in ending.reason


def is_without_input(ending: Ending) -> bool:
    """Say whether the cells have no value because their rows hold nothing to ask with."""
    return ending.state is CellState.SKIPPED and ending.reason.startswith((NO_INPUT, NOBODY_GIVES))


def needed_field(ending: Ending) -> str:
    """Name a field with which somebody could be asked; empty where the reason tells of none."""
    return ending.reason.partition(_NEEDS)[2].partition(" ")[0].removesuffix(")")


def endings_by_reason(writes: Iterable[CellWrite]) -> Counter[str]:
    """Count the cells without a value by state and reason, as `Counts.endings` holds them.

    A run adds these up over its batches, so no reason is of one row alone, and none is long.
    """
    ends = [write.provenance for write in writes if write.provenance.state is not CellState.FILLED]
    counted = Counter(f"{end.state.value} {_of_many(end.reason)}" for end in ends)
    if len(counted) > _REASONS_KEPT:
        counted = Counter(
            f"{end.state.value} {_IN_BRACKETS.sub('', _of_many(end.reason))}" for end in ends
        )
    return counted


def _of_many(reason: str) -> str:
    return _OF_ONE_ROW.sub("…", reason)[:200]


def endings_of(counts: Counts) -> tuple[Ending, ...]:
    """Give why cells of a run have no value, most first."""
    order = sorted(counts.endings.items(), key=lambda each: (-each[1], each[0]))
    named = ((*name.partition(" "), cells) for name, cells in order)
    return tuple(
        Ending(state=CellState(state), reason=reason, cells=cells)
        for state, _, reason, cells in named
    )


def unaskable(field: str, specs: Iterable[ProviderSpec]) -> str:
    """Say what would let somebody be asked: what those who give the field start from most often."""
    able = [spec for spec in specs if field in spec.gives]
    ways = Counter(way for spec in able for way in spec.inputs if field not in way)
    if not able:
        return f"{NOBODY_GIVES} {field!r}"
    if not ways:
        return NO_INPUT
    order = sorted(ways, key=lambda way: (-ways[way], len(way), sorted(way)))
    told = [" with ".join(sorted(way)) for way in order[:_WAYS_TOLD]]
    return f"{NO_INPUT}{_NEEDS}{' or '.join(told)})"


def reasons_of(said: Iterable[Response]) -> str:
    """Name who and why, in the order of names: `linkedin_api: unavailable (timed out)`."""
    return "; ".join(sorted({f"{r.provider}: {told_of(r.outcome)}" for r in said}))
