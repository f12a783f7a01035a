"""Show a cell with all that was said about it."""

from collections.abc import Sequence

from enrich.domain.outcome import Found, outcome_to_json
from enrich.domain.run import Response
from enrich.domain.table import Provenance, Row
from enrich.domain.values import JsonObject, Observation, credits_of
from enrich.engine.parts import Parts

__all__ = [
    "Evidence",
    "cell_evidence",
    "cell_json",
    "evidence_json",
    "fields_in",
    "provenance_json",
    "seen_in",
]

Evidence = tuple[Row, str, Sequence[tuple[int, Response]]]


def cell_evidence(parts: Parts, tenant: str, table: str, row: str, column: str) -> Evidence:
    """Give a cell's row, its column's field, and what was ever said about the row, newest first.

    Raises `UnknownNameError`.
    """
    field = parts.rows.table(tenant, table).column(column).field
    (found,) = parts.rows.read(tenant, table, [row])
    return found, field, parts.runs.evidence(tenant, table, row)


def cell_json(row: Row, column: str, field: str) -> JsonObject:
    """Write down a cell: its value, whether a person typed it, and why it is as it is."""
    return {
        "row": row.key,
        "column": column,
        "field": field,
        "value": row.data.get(column),
        "typed": row.is_typed(column),
        "provenance": provenance_json(row.cells.get(column)),
    }


def seen_in(response: Response, field: str) -> Observation | None:
    """Give what a response says about a field, if anything."""
    match response.outcome:
        case Found(observations=observations):
            return observations.get(field)
        case _:
            return None


def fields_in(response: Response) -> int:
    """Count the fields that a response says something about: its cost is for all of them."""
    match response.outcome:
        case Found(observations=observations):
            return len(observations)
        case _:
            return 0


def evidence_json(run: int, response: Response, field: str) -> JsonObject:
    """Write down what one provider said about a field, for people and programs; cost in credits."""
    seen = seen_in(response, field)
    outcome = outcome_to_json(response.outcome)
    outcome.pop("observations", None)
    return {
        "run": run,
        "provider": response.provider,
        "version": response.provider_version,
        "outcome": outcome,
        "value": seen.value if seen else None,
        "confidence": seen.confidence if seen else None,
        "cost": credits_of(response.cost_microcredits),
        "latency_s": response.latency_s,
        "observed_at": response.observed_at.isoformat(),
        "from_cache": response.from_cache,
        "coalesced": response.coalesced,
        "stale": response.stale,
        "fields": fields_in(response),
    }


def provenance_json(provenance: Provenance | None) -> "JsonObject | None":
    """Write down why a cell is as it is."""
    if provenance is None:
        return None
    moments = provenance.observed_at, provenance.retry_at
    observed_at, retry_at = (moment.isoformat() if moment else None for moment in moments)
    return {
        "state": provenance.state.value,
        "provider": provenance.provider,
        "confidence": provenance.confidence,
        "observed_at": observed_at,
        "support": provenance.support,
        "agreement": provenance.agreement,
        "reason": provenance.reason,
        "retry_at": retry_at,
        "run": provenance.stamp.number,
    }
