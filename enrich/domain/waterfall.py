"""Which cells of a batch are open, and whom to ask about them next.

A run needs no plan made in advance: after each fusion the newly filled cells are inputs, and
whoever can be asked only now is asked in the next wave. It ends because no question (provider,
inputs of a row) is asked twice.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TypeAlias

from enrich.domain.keys import input_key, input_keys
from enrich.domain.outcome import OutcomeKind
from enrich.domain.provider import ProviderSpec, Query, Tier
from enrich.domain.run import CellFilter, Force, OpenBatch, Order, RunOptions, RunView
from enrich.domain.table import PERSON, CellState, Column, Overwrite, Row
from enrich.domain.values import JsonObject, is_blank

__all__ = [
    "PROBE_TIERS",
    "Asking",
    "could_ask",
    "first_providers",
    "is_open",
    "is_protected",
    "key_of",
    "keys_of",
    "matches",
    "next_questions",
    "open_columns",
    "plan_waves",
    "questions_for",
    "waterfall_order",
]

_TIER_ORDER = {Tier.FREE: 0, Tier.CHEAP: 1, Tier.PREMIUM: 2}
PROBE_TIERS = frozenset({Tier.FREE, Tier.CHEAP})


def waterfall_order(specs: Iterable[ProviderSpec]) -> tuple[ProviderSpec, ...]:
    """Order providers as the sequential waterfall asks them: by tier, price and name."""
    return tuple(sorted(specs, key=lambda s: (_TIER_ORDER[s.tier], s.price_microcredits, s.name)))


def is_protected(row: Row, column: Column) -> bool:
    """Say whether the cell holds a person's value that the column does not give up."""
    return column.overwrite is Overwrite.NEVER and row.is_typed(column.key)


def is_open(row: Row, column: Column, run: RunView) -> bool:
    """Say whether the run still has to decide this cell."""
    seen = row.cells.get(column.key)
    if seen is not None and seen.stamp.number >= run.id and seen.state is not CellState.PENDING:
        return False  # decided, by this run already or by a newer one; most are when it is asked
    filled = not is_blank(row.data.get(column.key))
    # What `is_protected` says, without looking everything up again: this is asked the most often.
    is_typed = filled and (seen is None or seen.provider == PERSON)
    if is_typed and column.overwrite is Overwrite.NEVER:
        return False
    if seen is not None and seen.stamp.number >= run.id:
        # "Pending" of our own decides nothing.
        return seen.stamp.number == run.id
    options = run.options
    if options.where is not None:
        return matches(row, column.key, options.where)
    return options.force is not Force.NONE or not filled


def matches(row: Row, column: str, where: CellFilter) -> bool:
    """Say whether a cell is one that the filter asks for."""
    seen = row.cells.get(column)
    if seen is None or seen.provider == PERSON:
        return "empty" in where.states and is_blank(row.data.get(column))
    if seen.state.value in where.states:
        return True
    if seen.state is not CellState.FILLED:
        return False
    return _is_stale(seen.observed_at, where) or _is_doubtful(seen.confidence, where)


def _is_stale(observed_at: datetime | None, where: CellFilter) -> bool:
    limit = where.observed_before
    return limit is not None and observed_at is not None and observed_at < limit


def _is_doubtful(confidence: float, where: CellFilter) -> bool:
    return where.confidence_below is not None and confidence < where.confidence_below


def open_columns(row: Row, run: RunView) -> tuple[Column, ...]:
    """List the wanted cells of a row that are still open."""
    wanted = run.wanted
    if (
        run.options.where is None
        and row.data.keys().isdisjoint(wanted)
        and row.cells.keys().isdisjoint(wanted)
    ):
        return run.wanted_columns  # as most rows begin
    return tuple([column for column in run.wanted_columns if is_open(row, column, run)])


def questions_for(
    batch: OpenBatch,
    spec: ProviderSpec,
    *,
    waiting: Collection[int] = (),
    asking: "Asking | None" = None,
) -> tuple[Query, ...]:
    """List the batch's questions to one provider: rows with an open cell that it may fill.

    Rows that are `waiting` are left out. `asking` is what other providers are asked with.

    What an earlier attempt, or the batch that put these rows back, could not ask is asked again. A
    provider that knew a row has said all it knows; one that did not may know it by new inputs.
    """
    mine = [r for r in batch.responses if r.provider == spec.name]
    left_out = {r.row for r in mine if r.outcome.kind is OutcomeKind.FOUND}.union(waiting)
    asked = {(r.row, r.input_key) for r in mine if r.is_final or r.attempt >= batch.ref.attempt}
    questions = []
    asking = asking or Asking(batch.run)
    for row in batch.rows:
        query = None if row.id in left_out else asking.question(row, spec)
        if query is None:
            continue
        if not asked and not batch.tokens:
            questions.append(query)
            continue
        name = (query.row, key_of(batch.run, spec, query))
        if name not in asked:
            questions.append(replace(query, token=batch.tokens.get(name, "")))
    return tuple(questions)


def key_of(run: RunView, spec: ProviderSpec, query: Query) -> str:
    """Name a question, as the ledger and the cache do."""
    return input_key(run.tenant, spec.name, spec.version, query.inputs)


def keys_of(run: RunView, spec: ProviderSpec, queries: Iterable[Query]) -> list[str]:
    """Name many questions to one provider."""
    return input_keys(run.tenant, spec.name, spec.version, [query.inputs for query in queries])


#: The fields of a row's open cells, and what is known of the others.
_Look: TypeAlias = tuple[frozenset[str], JsonObject]


class Asking:
    """The questions of a run about rows as they are: what providers share is looked up once."""

    def __init__(self, run: RunView) -> None:
        self._run = run
        self._looks: dict[int, _Look] = {}
        # Most rows of a batch have the same open cells, and the same fields.
        self._plans: dict[tuple[str, ...], tuple[frozenset[str], tuple[Column, ...]]] = {}
        self._able: dict[tuple[str, tuple[str, ...]], bool] = {}
        self._wanted: dict[tuple[str, frozenset[str]], frozenset[str]] = {}

    def question(self, row: Row, spec: ProviderSpec) -> Query | None:
        """Give the question about a row; None when the provider has no part in it."""
        fields, known = self._looks.get(row.id) or self._look(row)
        wanted = self._wanted.get((spec.name, fields))
        if wanted is None:
            wanted = self._wanted[spec.name, fields] = fields & spec.gives.keys()
        if not wanted or not self._can_ask(spec, tuple(known)):
            return None
        return Query(
            row=row.id,
            inputs=spec.inputs_of(known),
            wanted=wanted,
            tenant=self._run.tenant,
            run=self._run.id,
        )

    def _can_ask(self, spec: ProviderSpec, fields: tuple[str, ...]) -> bool:
        able = self._able.get((spec.name, fields))
        if able is None:
            able = self._able[spec.name, fields] = spec.can_ask_with(fields)
        return able

    def _look(self, row: Row) -> _Look:
        undecided = open_columns(row, self._run)
        keys = tuple([column.key for column in undecided])
        fields, speaking = self._plans.get(keys) or self._planned(keys, undecided)
        look = self._looks[row.id] = fields, row.known_fields(speaking, is_ordered=True)
        return look

    def _planned(
        self, keys: tuple[str, ...], undecided: Iterable[Column]
    ) -> tuple[frozenset[str], tuple[Column, ...]]:
        """Say what is open, and which columns are inputs.

        A value that is about to be decided again is none: what it was must not answer for itself.
        """
        fields = frozenset(column.field for column in undecided)
        speaking = tuple(c for c in self._run.columns_by_weight if c.key not in keys)
        self._plans[keys] = fields, speaking
        return fields, speaking


def next_questions(
    batch: OpenBatch, specs: Sequence[ProviderSpec], *, waiting: Collection[int] = ()
) -> tuple[str, ...]:
    """Name the providers that have a question in this batch, apart from rows that wait."""
    asking = Asking(batch.run)
    return tuple(
        spec.name for spec in specs if questions_for(batch, spec, waiting=waiting, asking=asking)
    )


def could_ask(run: RunView, specs: Iterable[ProviderSpec]) -> tuple[ProviderSpec, ...]:
    """Keep the providers that might answer for some row, judged by the table's columns alone."""
    fields = {column.field for column in run.columns}
    wanted = {column.field for column in run.wanted_columns}
    return tuple(s for s in specs if wanted & s.gives.keys() and s.can_ask_with(fields))


def first_providers(
    run: RunView, specs: Iterable[ProviderSpec], options: RunOptions
) -> tuple[str, ...]:
    """Name whom the first wave asks: everybody who might answer, or one after the other.

    An adaptive run asks nobody before it has looked at its rows.
    """
    if options.order is Order.ADAPTIVE:
        return ()
    able = tuple(s for s in could_ask(run, specs) if s.tier in PROBE_TIERS)
    ordered = waterfall_order(able)
    return tuple(s.name for s in (ordered if options.order is Order.PARALLEL else ordered[:1]))


def plan_waves(
    given: Collection[str], wanted: Collection[str], specs: Sequence[ProviderSpec]
) -> Mapping[str, int]:
    """Tell in which wave each wanted field can first be filled; absent: by nobody.

    The plan that an estimate shows; a run finds the same waves row by row.
    """
    known = set(given)
    waves: dict[str, int] = {}
    for wave in range(len(wanted)):
        able = [spec for spec in specs if spec.can_ask_with(known)]
        new = {name for spec in able for name in spec.gives if name in wanted} - waves.keys()
        if not new:
            break
        waves.update(dict.fromkeys(sorted(new), wave))
        known |= new
    return waves
