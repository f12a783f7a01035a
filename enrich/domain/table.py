"""Tables as the engine sees them: columns, rows and the cells' own history."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from enrich.domain.prompt import Prompt
from enrich.domain.values import Json, JsonObject, is_blank

__all__ = [
    "PERSON",
    "CellState",
    "CellWrite",
    "Column",
    "Overwrite",
    "Provenance",
    "Row",
    "Stamp",
    "by_weight",
]

#: Who gave a value that came with an import or was typed.
PERSON = "person"


class CellState(StrEnum):
    """How a cell's last enrichment ended; a cell that nobody asked about has no state."""

    FILLED = "filled"
    NOT_FOUND = "not_found"  # all that could be asked answered, and none knew
    PENDING = "pending"  # a limit or a slow provider made it later: see retry_at
    FAILED = "failed"  # somebody who might have known could not be asked
    SKIPPED = "skipped"  # nobody could be asked: no inputs, over budget, cancelled


class Overwrite(StrEnum):
    """Whether enrichment may replace what a person typed."""

    NEVER = "never"
    ALWAYS = "always"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column: its key in the row's data and the field of the catalogue that it means.

    With a `prompt` a language model is asked for its cells. `fusion` is its own way of making one
    value of several, a `FusionMethod`; empty for that of the settings. So it is with what a right
    value of a cell is worth and what a wrong one costs, in micro-credits: None is as the settings.
    """

    key: str
    field: str
    enriched: bool = False
    overwrite: Overwrite = Overwrite.NEVER
    min_confidence: float = 0.5
    position: int = 0
    prompt: Prompt | None = None
    fusion: str = ""
    worth_microcredits: int | None = None
    loss_microcredits: int | None = None


def by_weight(columns: Iterable[Column]) -> tuple[Column, ...]:
    """Order columns so that of several of one field the last speaks: a typed one if there is."""
    return tuple(sorted(columns, key=lambda c: (not c.enriched, -c.position)))


@dataclass(frozen=True, slots=True, order=True)
class Stamp:
    """What orders two writes of one cell: the run's number, then the batch's attempt.

    A typed value takes a number of its own from the same sequence, so a late enrichment is older.
    """

    number: int
    attempt: int


# None of these is frozen, as other values that come by the million: see `Observation`.
@dataclass(slots=True, kw_only=True, unsafe_hash=True)
class Provenance:
    """Why a cell is as it is.

    `observed_at` is when the provider said it, not when it was written. `support` counts the
    providers that gave the same value, `agreement` is their share of those that gave any. `flags`
    say why a person may want to look; `fusion` how it was decided, by which version of `trust`.
    """

    state: CellState
    stamp: Stamp
    provider: str = ""
    confidence: float = 0.0
    observed_at: datetime | None = None
    support: int = 0
    agreement: float = 0.0
    reason: str = ""
    retry_at: datetime | None = None
    flags: tuple[str, ...] = ()
    fusion: str = ""
    trust: int = 0


@dataclass(slots=True, kw_only=True, unsafe_hash=True)
class CellWrite:
    """One cell to be written: a value (only when filled) and its provenance."""

    row: int
    column: str
    provenance: Provenance
    value: Json = None


@dataclass(slots=True, kw_only=True, unsafe_hash=True)
class Row:
    """A row: `id` is ours, `key` is the user's name for it.

    `data` holds values by column key, `cells` the provenance of those that have one.
    """

    id: int
    key: str
    data: JsonObject
    cells: Mapping[str, Provenance]

    def known_fields(self, columns: Iterable[Column], *, is_ordered: bool = False) -> JsonObject:
        """Give the row's values by field; of two columns of one field the typed one speaks.

        `is_ordered`: the columns are in the order of `by_weight` already.
        """
        known: JsonObject = {}
        for column in columns if is_ordered else by_weight(columns):
            value = self.data.get(column.key)
            if not is_blank(value):
                known[column.field] = value
        return known

    def is_typed(self, column: str) -> bool:
        """Say whether the cell holds a value that no provider gave."""
        if is_blank(self.data.get(column)):
            return False
        provenance = self.cells.get(column)
        return provenance is None or provenance.provider == PERSON
