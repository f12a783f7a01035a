"""A batch on its way to PostgreSQL and back: columns of numbers and texts, JSON only where it is.

What names each value anew for each row takes both sides twice as long.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from enrich.domain.outcome import outcome_from_json, outcome_to_json
from enrich.domain.run import Response
from enrich.domain.table import CellState, CellWrite, Row
from enrich.domain.values import JsonObject
from enrich.errors import BadInputError
from enrich.store.codec import (
    cleaned,
    dumps,
    dumps_each,
    moment_of,
    provenance_from_json,
    provenance_to_json,
)

__all__ = [
    "LINES",
    "lines_of",
    "patches_of",
    "response_from_line",
    "row_from_line",
]

#: The parameters that `lines_of` gives, as a relation `u`.
LINES = """
    ROWS FROM (
        unnest(CAST(:rows AS bigint[]), CAST(:providers AS text[]), CAST(:versions AS text[]),
               CAST(:keys AS text[]), CAST(:finals AS boolean[]), CAST(:kinds AS text[]),
               CAST(:costs AS bigint[]), CAST(:latencies AS double precision[]),
               CAST(:moments AS timestamptz[]), CAST(:cached AS boolean[]),
               CAST(:coalesced AS boolean[]), CAST(:stale AS boolean[]), CAST(:calls AS integer[])),
        jsonb_array_elements(CAST(:outcomes AS jsonb))
    ) AS u (row_id, provider, provider_version, input_key, final, kind, cost_microcredits,
            latency_s, observed_at, from_cache, coalesced, stale, calls, outcome)
"""


def row_from_line(line: Sequence[Any]) -> Row:
    """Decode a row as `open_batch` gives it."""
    number, key, data, raw = line
    cells = {column: provenance_from_json(cell) for column, cell in raw.items()} if raw else {}
    return Row(id=number, key=key, data=data, cells=cells)


def response_from_line(line: Sequence[Any]) -> Response:
    """Decode a line of the ledger as `open_batch` gives it."""
    row, provider, version, key, outcome, cost, latency_s, seen, cached, shared, stale = line[:11]
    observed_at = moment_of(seen)
    if observed_at is None:
        raise BadInputError("observed_at", "is not there")
    return Response(
        row=row,
        provider=provider,
        provider_version=version,
        input_key=key,
        outcome=outcome_from_json(outcome),
        cost_microcredits=cost,
        latency_s=float(latency_s),
        observed_at=observed_at,
        from_cache=bool(cached),
        coalesced=bool(shared),
        stale=bool(stale),
        calls=line[11],
        batch=line[12],
        attempt=line[13],
    )


def lines_of(responses: Sequence[Response]) -> Mapping[str, str]:
    """Encode responses as the parameters of `LINES`; a bad value's error names its provider."""
    outcomes = [outcome_to_json(said.outcome) for said in responses]
    return {
        "rows": _array([str(said.row) for said in responses]),
        "providers": _texts([said.provider for said in responses]),
        "versions": _texts([said.provider_version for said in responses]),
        "keys": _texts([said.input_key for said in responses]),
        "finals": _flags([said.is_final for said in responses]),
        "kinds": _texts([said.outcome.kind for said in responses]),
        "costs": _array([str(said.cost_microcredits) for said in responses]),
        "latencies": _array([repr(said.latency_s) for said in responses]),
        "moments": _moments([said.observed_at for said in responses]),
        "cached": _flags([said.from_cache for said in responses]),
        "coalesced": _flags([said.coalesced for said in responses]),
        "stale": _flags([said.stale for said in responses]),
        "calls": _array([str(said.calls) for said in responses]),
        "outcomes": dumps_each(outcomes, [f"provider {said.provider}" for said in responses]),
    }


def patches_of(writes: Iterable[CellWrite]) -> Mapping[str, str]:
    """Encode cells to be written as two objects a row, values and provenances by column.

    Of two writes of one cell the newer counts. The error of a bad value names its column.
    """
    writes = tuple(writes)
    data: dict[int, JsonObject] = {}
    cells: dict[int, JsonObject] = {}
    for write in sorted(writes, key=_stamp) if _has_twins(writes) else writes:
        row, column, provenance = write.row, write.column, write.provenance
        own = cells.get(row)
        if own is None:
            own, data[row] = cells.setdefault(row, {}), {}
        own[column] = provenance_to_json(provenance)
        if provenance.state is CellState.FILLED:
            data[row][column] = _value_of(write)
        else:
            data[row].pop(column, None)
    try:
        values_of_rows = dumps([*data.values()], name="cells")
    except BadInputError:
        for write in writes:
            dumps(write.value, name=f"column {write.column}")
        raise
    return {
        "cell_rows": _array([str(row) for row in data]),
        "columns": _texts(sorted({write.column for write in writes})),
        "data": values_of_rows,
        "cells": dumps([*cells.values()], name="cells"),
    }


def _has_twins(writes: Sequence[CellWrite]) -> bool:
    return len({(write.row, write.column) for write in writes}) < len(writes)


def _stamp(write: CellWrite) -> tuple[int, int]:
    return write.provenance.stamp.number, write.provenance.stamp.attempt


def _value_of(write: CellWrite) -> Any:
    if write.value is None:
        raise BadInputError(f"column {write.column}", "a filled cell needs a value")
    return write.value


def _array(items: Iterable[str]) -> str:
    return "{" + ",".join(items) + "}"


def _flags(flags: Iterable[bool]) -> str:
    return _array(["t" if flag else "f" for flag in flags])


def _moments(moments: Sequence[datetime]) -> str:
    # What was said together was observed at one moment.
    written = {moment: f'"{moment.isoformat()}"' for moment in {*moments}}
    return _array([written[moment] for moment in moments])


def _texts(texts: Sequence[str]) -> str:
    # A batch has few different ones of most kinds.
    quoted = {text: _quoted(text) for text in {*texts}}
    return _array([quoted[text] for text in texts])


def _quoted(text: str) -> str:
    escaped = cleaned(text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
