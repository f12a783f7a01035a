"""Go through a table's cells with what was said about them and what is known to be right."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from enrich.domain.ballots import key_of_value, votes_of
from enrich.domain.fusion import Judge, Vote
from enrich.domain.normalise import Context
from enrich.domain.provider import ProviderSpec
from enrich.domain.reading import context_of
from enrich.domain.run import Response
from enrich.domain.table import PERSON, CellState, Column, Row
from enrich.domain.values import Json
from enrich.engine.parts import Parts
from enrich.engine.trustbook import TrustBook
from enrich.errors import BadInputError
from enrich.ports.trust import Label, LabelKind

__all__ = ["KIND_WEIGHT", "HeardCell", "Hearing", "heard_cells", "newest_of", "trust_of"]

#: What a label of each kind counts beside a person's word.
KIND_WEIGHT = {LabelKind.PERSON: 1.0, LabelKind.VERIFICATION: 0.8, LabelKind.AGREEMENT: 0.2}
_PAGE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Hearing:
    """What was said about a table's columns, all enriched ones by default, and whose trust judges.

    `trust` is a version of it, the newest by default; of what is found, the first `shown` changes
    are kept.
    """

    table: str
    tenant: str = "default"
    columns: Sequence[str] | None = None
    trust: int | None = None
    shown: int = 20

    def judge(self, parts: Parts) -> Judge:
        """Give who judges. Raises `UnknownNameError`."""
        store = trust_of(parts).store
        if self.trust is None:
            return Judge(store.newest(self.tenant))
        return Judge(store.version(self.tenant, self.trust))


@dataclass(frozen=True, slots=True, kw_only=True)
class HeardCell:
    """One cell about which something was said: `said` is the newest answer of each provider.

    `decided` is what the run that decided the cell heard; `labels` what is known of it; `context`
    what else is known when its values are read.
    """

    row: Row
    column: Column
    said: Sequence[Response]
    decided: Sequence[Response]
    votes: Sequence[Vote]
    labels: Sequence[Label]
    context: Context

    @property
    def right(self) -> frozenset[str] | None:
        """The key of the right value, by the newest label that names it; None: not known."""
        named = [label for label in self.labels if label.is_right]
        return frozenset({self.key_of(named[-1].value)}) if named else None

    @property
    def wrong(self) -> frozenset[str]:
        """The keys of values that are known to be wrong."""
        return frozenset(self.key_of(label.value) for label in self.labels if not label.is_right)

    @property
    def label_weight(self) -> float:
        """What the weightiest label counts."""
        return max(KIND_WEIGHT[label.kind] for label in self.labels)

    def key_of(self, value: Json) -> str:
        """Give a text that is equal for values of the cell that mean the same; "" for none."""
        return key_of_value(self.column.field, value, self.context)


def trust_of(parts: Parts) -> TrustBook:
    """Give the book of trust. Raises `BadInputError` where none is kept."""
    if parts.trust is None:
        raise BadInputError("trust", "is not kept here")
    return parts.trust


def heard_cells(
    parts: Parts, tenant: str, table: str, columns: Sequence[str] | None = None
) -> Iterator[HeardCell]:
    """Go through the cells that anybody gave a value for, in the order of rows and columns.

    Raises `UnknownNameError`.
    """
    book = trust_of(parts)
    view = parts.rows.table(tenant, table)
    present, named = view.columns, {view.column(key).key for key in columns or ()}
    wanted = tuple(c for c in present if (c.key in named if named else c.enriched))
    specs = {spec.name: spec for spec in parts.of(present).specs}
    labels: dict[tuple[int, str], list[Label]] = {}
    for label in book.store.labels(tenant, table):
        labels.setdefault((label.row, label.column), []).append(label)
    rows = parts.rows.scan(tenant, table, page=_PAGE)
    while page := list(islice(rows, _PAGE)):
        heard: dict[int, list[tuple[int, Response]]] = {}
        for run, response in book.store.heard(tenant, table, [row.id for row in page]):
            heard.setdefault(response.row, []).append((run, response))
        for row in page:
            yield from _cells(row, present, wanted, heard.get(row.id, []), specs, labels)


def _cells(
    row: Row,
    present: Sequence[Column],
    columns: Sequence[Column],
    heard: Sequence[tuple[int, Response]],
    specs: Mapping[str, ProviderSpec],
    labels: Mapping[tuple[int, str], Sequence[Label]],
) -> Iterator[HeardCell]:
    said = newest_of([response for _, response in heard])
    for column in columns:
        context = context_of(column.field, said, row, present)
        votes = votes_of(column, said, specs, context)
        if not votes:
            continue
        cell = row.cells.get(column.key)
        number = cell.stamp.number if cell else None
        yield HeardCell(
            row=row,
            column=column,
            said=said,
            decided=newest_of([response for run, response in heard if run == number]),
            votes=votes,
            labels=(*_typed(row, column), *labels.get((row.id, column.key), ())),
            context=context,
        )


def newest_of(responses: Sequence[Response]) -> tuple[Response, ...]:
    """Keep of each provider the newest answer that holds values, else its newest; by name."""
    kept: dict[str, Response] = {}
    for response in responses:
        held = kept.get(response.provider)
        if held is None or _order(response) >= _order(held):
            kept[response.provider] = response
    return tuple(kept[name] for name in sorted(kept))


def _order(response: Response) -> tuple[bool, datetime]:
    return response.outcome.kind.value == "found", response.observed_at


def _typed(row: Row, column: Column) -> tuple[Label, ...]:
    """Take a value that a person typed over an enriched cell as a word about it."""
    cell = row.cells.get(column.key)
    if cell is None or cell.provider != PERSON or cell.state is not CellState.FILLED:
        return ()
    if cell.observed_at is None:
        return ()
    value = row.data.get(column.key)
    return (Label(row=row.id, column=column.key, value=value, is_right=True, at=cell.observed_at),)
