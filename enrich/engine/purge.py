"""Erase a row."""

from dataclasses import dataclass

from enrich.engine.fuse import cell_name
from enrich.engine.parts import Parts
from enrich.errors import UnknownNameError

__all__ = ["Purged", "purge_row"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Purged:
    """What was erased beside the row itself: how many answers about it."""

    answers: int


def purge_row(parts: Parts, tenant: str, table: str, key: str) -> Purged:
    """Erase a row with its ledger, then what is cached of both.

    The row goes first, so that work under way finds it gone. An answer that arrives meanwhile may
    still be cached, under a hash, until its time is up.

    Raises `UnknownNameError`.
    """
    columns = parts.rows.table(tenant, table).columns
    said = parts.runs.evidence(tenant, table, key)
    if not parts.rows.delete_row(tenant, table, key):
        raise UnknownNameError("row", key)
    parts.responses.drop_many(tenant, sorted({response.input_key for _, response in said}))
    parts.cells.drop_many(tenant, [cell_name(table, key, column.key) for column in columns])
    return Purged(answers=len(said))
