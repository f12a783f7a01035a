"""Begin a run: store it, and say what to do first."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from enrich.domain.fields import FIELDS
from enrich.domain.policy import RunPolicy
from enrich.domain.run import BatchRef, Phase, RunOptions, RunView, Step, StepKind
from enrich.domain.table import Column
from enrich.domain.waterfall import first_providers
from enrich.engine.parts import Parts
from enrich.errors import BadInputError, UnknownNameError
from enrich.ports import NewRun, Selection

__all__ = [
    "RunRequest",
    "Submitted",
    "enriched_columns",
    "known_columns",
    "ordered",
    "resume",
    "submit",
    "submit_known",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """What somebody asks for: cells of a table, by rows and columns.

    `columns` None means all enriched columns of the table. `reply_to` names who waits.
    """

    table: str
    tenant: str = "default"
    columns: tuple[str, ...] | None = None
    selection: Selection = field(default_factory=Selection)
    options: RunOptions = field(default_factory=RunOptions)
    reply_to: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Submitted:
    """A stored run and its first steps; without steps it is done already."""

    run: RunView
    steps: tuple[Step, ...]


def submit(parts: Parts, request: RunRequest) -> Submitted:
    """Store a run with its batches, and give the steps to dispatch once that is committed.

    Raises:
        UnknownNameError: there is no such table, column or row.
        BadInputError: the table has no column to enrich.
    """
    return submit_known(parts, request, _wanted(parts, request))


def submit_known(parts: Parts, request: RunRequest, wanted: tuple[str, ...]) -> Submitted:
    """Store a run for columns that the caller has just read or made, without looking them up.

    Raises `UnknownNameError` as `submit` does: the store looks once more.
    """
    policy = parts.policies.runs
    new = NewRun(
        tenant=request.tenant,
        table=request.table,
        wanted=wanted,
        selection=request.selection,
        options=ordered(request.options, policy),
        batch_rows=policy.batch_rows,
        reply_to=request.reply_to,
    )
    run, batches = parts.runs.create(
        new, in_flight=policy.max_batches_in_flight, lease_s=policy.lease_s
    )
    parts.recorder.count("runs_submitted", labels={"tenant": run.tenant})
    return Submitted(run=run, steps=resume(parts, run, batches))


def ordered(options: RunOptions, policy: RunPolicy) -> RunOptions:
    """Give the options of a run with the settings' order, where it asks for none of its own."""
    is_said = options.policy is not None or not options.parallel_probes
    return options if is_said else replace(options, policy=policy.order)


def resume(parts: Parts, run: RunView, batches: Sequence[BatchRef]) -> tuple[Step, ...]:
    """Give the step that takes up each batch at the phase where it is."""
    probes = first_providers(run, parts.of(run.columns).specs, run.options)
    return tuple(_step(run, ref, probes) for ref in batches)


def _step(run: RunView, ref: BatchRef, probes: tuple[str, ...]) -> Step:
    kind = StepKind.PREMIUM if ref.phase is Phase.PREMIUM else StepKind.PROBE
    # A later wave's providers are not stored: whoever has nothing to ask returns at once.
    providers = probes if kind is StepKind.PROBE else ()
    return Step(
        kind=kind,
        batch=ref,
        providers=providers,
        table=run.table,
        tenant=run.tenant,
        urgent=run.options.urgent,
    )


def _wanted(parts: Parts, request: RunRequest) -> tuple[str, ...]:
    if request.columns is None:
        return enriched_columns(parts, request.tenant, request.table)
    columns = parts.rows.table(request.tenant, request.table).columns
    return known_columns(columns, request.columns, table=request.table)


def known_columns(
    columns: Sequence[Column], wanted: Sequence[str] | None, *, table: str
) -> tuple[str, ...]:
    """Give the keys of the columns that are wanted, each once; all enriched ones by default.

    Raises:
        UnknownNameError: the table has no such column.
        BadInputError: it has none that is there to be enriched.
    """
    known = tuple(column.key for column in columns)
    if wanted is not None:
        for key in wanted:
            if key not in known:
                way_out, where = _way_out(columns, key, table=table), f"table {table!r}"
                raise UnknownNameError("column", key, known=known, within=where, way_out=way_out)
        return tuple(dict.fromkeys(wanted))
    enriched = tuple(column.key for column in columns if column.enriched)
    if not enriched:
        raise BadInputError(
            "columns",
            f"table {table!r} has no column to enrich",
            hint="name them, or add one with `enrich columns TABLE add KEY --field FIELD`",
        )
    return enriched


def _way_out(columns: Sequence[Column], key: str, *, table: str) -> str:
    """Say how a field is had that is no column of a table; empty for what is no field."""
    if key not in FIELDS:
        return ""
    meant = [column.key for column in columns if column.field == key]
    if meant:
        return f"that field is in {' and '.join(map(repr, meant))}"
    return f"add it with `enrich columns {shlex.quote(table)} add {key}`"


def enriched_columns(parts: Parts, tenant: str, table: str) -> tuple[str, ...]:
    """List the columns of a table that are there to be enriched.

    Raises:
        UnknownNameError: there is no such table.
        BadInputError: it has no such column.
    """
    return known_columns(parts.rows.table(tenant, table).columns, None, table=table)
