"""Which rows a run takes, as a condition of SQL. Column names and limits are parameters only."""

from typing import Any

from enrich.ports.durable import Selection
from enrich.store.codec import cleaned

__all__ = ["selected"]

# A typed value is never stale nor unsure: enrichment may not replace it.
_CELL = {
    "state": "cell.was ->> 'state' = ANY (CAST(:states AS text[]))",
    "empty": "cell_is_blank(cell.value)"
    " AND (cell.was IS NULL OR cell.was ->> 'provider' = 'person')",
    "stale": "cell.was ->> 'state' = 'filled' AND cell.was ->> 'provider' <> 'person'"
    " AND CAST(cell.was ->> 'observed_at' AS timestamptz) < :observed_before",
    "low_confidence": "cell.was ->> 'state' = 'filled' AND cell.was ->> 'provider' <> 'person'"
    " AND CAST(cell.was ->> 'confidence' AS double precision) < :confidence_below",
}


def selected(selection: Selection, wanted: tuple[str, ...]) -> tuple[str, dict[str, Any]]:
    """Give the condition on a row `r`, and its parameters.

    Each criterion that is given lets a cell match on its own; "filled" beside a limit is narrowed by
    that limit, because naming both means the filled cells within it.
    """
    parts = ["r.table_id = :table_id"]
    values: dict[str, Any] = {}
    if selection.keys is not None:
        parts.append("r.key = ANY (CAST(:keys AS text[]))")
        values["keys"] = [cleaned(key) for key in selection.keys]
    cell = _cell_conditions(selection, values)
    if cell:
        values["wanted"] = list(wanted)
        parts.append(
            "EXISTS (SELECT FROM unnest(CAST(:wanted AS text[])) AS w (key) CROSS JOIN LATERAL"
            " (SELECT r.data -> w.key AS value, r.cells -> w.key AS was) AS cell"
            f" WHERE {' OR '.join(cell)})"
        )
    return " AND ".join(parts), values


def _cell_conditions(selection: Selection, values: dict[str, Any]) -> list[str]:
    limits: dict[str, Any] = {}
    if selection.observed_before is not None:
        limits["stale"] = values["observed_before"] = selection.observed_before
    if selection.confidence_below is not None:
        limits["low_confidence"] = values["confidence_below"] = selection.confidence_below
    states = selection.states - {"empty"} - ({"filled"} if limits else set())
    names = list(limits)
    if "empty" in selection.states:
        names.append("empty")
    if states:
        values["states"] = sorted(states)
        names.append("state")
    return [f"({_CELL[name]})" for name in names]
