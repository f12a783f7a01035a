"""Erase a row, or all rows of a subject, with whatever else is kept of them."""

import logging
from dataclasses import dataclass

from enrich.domain.profile import CANDIDATES
from enrich.domain.values import JsonObject
from enrich.engine.desk import Desk
from enrich.engine.fuse import cell_name
from enrich.engine.parts import Parts
from enrich.errors import UnknownNameError

__all__ = ["Erased", "Purged", "erase", "erase_subject", "purge_row"]

log = logging.getLogger("enrich.engine")


@dataclass(frozen=True, slots=True, kw_only=True)
class Purged:
    """What was erased beside the row itself: how many answers about it."""

    answers: int


def purge_row(parts: Parts, tenant: str, table: str, key: str) -> Purged:
    """Erase a row with its ledger, then what is cached of both.

    The row goes first, so that work under way finds it gone: what is answered meanwhile is not
    written, and whoever asked drops it from the cache.

    Raises `UnknownNameError`.
    """
    columns = parts.rows.table(tenant, table).columns
    said = parts.runs.evidence(tenant, table, key)
    if not parts.rows.delete_row(tenant, table, key):
        raise UnknownNameError("row", key)
    parts.responses.drop_many(tenant, sorted({response.input_key for _, response in said}))
    parts.cells.drop_many(tenant, [cell_name(table, key, column.key) for column in columns])
    return Purged(answers=len(said))


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """What was erased; `waiting` names who was given values of it as the result of a run."""

    rows: int = 0
    answers: int = 0
    jobs: int = 0
    waiting: tuple[str, ...] = ()

    def __add__(self, other: "Erased") -> "Erased":
        """Add up, name by name."""
        return Erased(
            rows=self.rows + other.rows,
            answers=self.answers + other.answers,
            jobs=self.jobs + other.jobs,
            waiting=self.waiting + other.waiting,
        )


def erase(desk: Desk, tenant: str, table: str, key: str, *, actor: str) -> Erased:
    """Erase a row with its answers, vectors and jobs; a line without its name remains.

    Raises `UnknownNameError`.
    """
    waiting = desk.erasure.waiting(tenant, table, key)
    # A job first: one that has not begun would write the row anew.
    jobs = desk.erasure.erase_jobs(tenant, key) if table == CANDIDATES else 0
    purged = purge_row(desk.parts, tenant, table, key)
    erased = Erased(rows=1, answers=purged.answers, jobs=jobs, waiting=tuple(waiting))
    details: JsonObject = {"table": table, "answers": erased.answers, "jobs": jobs}
    desk.erasure.note(tenant, actor, "row.erased", details)
    log.info("row.erased", extra={"tenant": tenant, "table": table, "actor": actor})
    return erased


def erase_subject(
    desk: Desk, tenant: str, column: str, value: str, *, table: str | None = None, actor: str
) -> Erased:
    """Erase every row whose column has a value: of one table, or of all of the tenant's."""
    erased = Erased()
    for name, key in desk.erasure.subjects(tenant, column, value, table=table):
        erased += erase(desk, tenant, name, key, actor=actor)
    return erased
