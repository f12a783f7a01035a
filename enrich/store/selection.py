"""Which rows a run takes, as a condition of SQL. Column names and limits are parameters only."""

from typing import Any

from enrich.ports.runs import Selection
from enrich.store.codec import cleaned

__all__ = ["selected"]

_CELL = {
    "states": "cell.was ->> 'state' = ANY (CAST(:states AS text[]))",
    # A cell that a person emptied is empty again.
    "empty": "cell.is_blank AND coalesce(cell.was ->> 'provider', 'person') = 'person'",
    "observed_before": "cell.was ->> 'state' = 'filled'"
    " AND CAST(cell.was ->> 'observed_at' AS timestamptz) < :observed_before",
    "confidence_below": "cell.was ->> 'state' = 'filled'"
    " AND CAST(cell.was ->> 'confidence' AS double precision) < :confidence_below",
}

# A cell that enrichment may not replace makes no row worth taking.
_MATCHING_CELL = """EXISTS (
    SELECT FROM columns c CROSS JOIN LATERAL (
        SELECT r.cells -> c.key AS was, cell_is_blank(r.data -> c.key) AS is_blank) AS cell
    WHERE c.table_id = :table_id AND c.key = ANY (CAST(:wanted AS text[]))
      AND (cell.is_blank OR c.overwrite = 'always' OR cell.was ->> 'provider' <> 'person')
      AND ({criteria}))"""


def selected(selection: Selection, wanted: tuple[str, ...]) -> tuple[str, dict[str, Any]]:
    """Give the condition on a row `r`, and its parameters; each criterion matches on its own."""
    parts = ["r.table_id = :table_id"]
    values: dict[str, Any] = {}
    if selection.keys is not None:
        parts.append("r.key = ANY (CAST(:keys AS text[]))")
        values["keys"] = [cleaned(key) for key in selection.keys]
    criteria = _criteria(selection)
    if criteria:
        values |= {name: value for name, value in criteria.items() if name != "empty"}
        values["wanted"] = list(wanted)
        either = " OR ".join(f"({_CELL[name]})" for name in criteria)
        parts.append(_MATCHING_CELL.format(criteria=either))
    return " AND ".join(parts), values


def _criteria(selection: Selection) -> dict[str, Any]:
    given = {
        "states": sorted(selection.states - {"empty"}) or None,
        "empty": ("empty" in selection.states) or None,
        "observed_before": selection.observed_before,
        "confidence_below": selection.confidence_below,
    }
    return {name: value for name, value in given.items() if value is not None}
