"""Erase a row, or all rows of a subject, with whatever else is kept of them."""

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass

from enrich.domain.profile import CANDIDATES, row_of_profile
from enrich.domain.values import Json, JsonObject
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
    removed = parts.rows.delete_row(tenant, table, key)
    if removed is None:
        raise UnknownNameError("row", key, within=f"table {table!r}")
    parts.responses.drop_many(tenant, removed.questions)
    parts.cells.drop_many(tenant, [cell_name(table, key, column.key) for column in columns])
    return Purged(answers=removed.answers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """What was erased; `waiting` names who was given values of it as the result of a run.

    `requests` are those that came by SQL; they and jobs may be there before the row is.
    """

    rows: int = 0
    answers: int = 0
    jobs: int = 0
    requests: int = 0
    waiting: tuple[str, ...] = ()

    def __add__(self, other: "Erased") -> "Erased":
        """Add up, name by name."""
        return Erased(
            rows=self.rows + other.rows,
            answers=self.answers + other.answers,
            jobs=self.jobs + other.jobs,
            requests=self.requests + other.requests,
            waiting=self.waiting + other.waiting,
        )


def erase(desk: Desk, tenant: str, table: str, key: str, *, actor: str) -> Erased:
    """Erase a row with its answers, vectors, jobs and requests; a line without its name remains.

    Raises `UnknownNameError` when nothing is there, nor about to be.
    """
    waiting = desk.erasure.waiting(tenant, table, key)
    # Jobs and requests first: one that has not begun would write the row anew.
    jobs = desk.erasure.erase_jobs(tenant, key) if table == CANDIDATES else 0
    requests = desk.erasure.erase_requests(tenant, table, key)
    rows, answers = 1, 0
    try:
        answers = purge_row(desk.parts, tenant, table, key).answers
    except UnknownNameError:
        if not jobs and not requests:
            raise
        rows = 0
    details: JsonObject = {"table": table, "answers": answers, "jobs": jobs, "requests": requests}
    desk.erasure.note(tenant, actor, "row.erased", details)
    log.info("row.erased", extra={"tenant": tenant, "table": table, "actor": actor})
    return Erased(rows=rows, answers=answers, jobs=jobs, requests=requests, waiting=tuple(waiting))


def erase_subject(
    desk: Desk, tenant: str, column: str, value: str, *, table: str | None = None, actor: str
) -> Erased:
    """Erase every row whose column has a value: of one table, or of all of the tenant's.

    And those that a stored job or request would write.

    Raises `UnknownNameError` when nobody is found, and no such table, or none of them, has such a
    column: a misspelt name must not look like somebody of whom nothing is kept.
    """
    named: dict[tuple[str, str], None] = {}
    if table in {None, CANDIDATES}:
        # Looked for before the rows: what begins in between is among those.
        profiled = _profiled(desk, tenant, column, value)
        named |= dict.fromkeys((CANDIDATES, candidate) for candidate in profiled)
    named |= dict.fromkeys(desk.erasure.subjects(tenant, column, value, table=table))
    if not named:
        _check_column(desk.parts, tenant, column, table)
    erased = Erased()
    for name, key in named:
        erased += _erased_if_there(desk, tenant, name, key, actor=actor)
    return erased


def _check_column(parts: Parts, tenant: str, column: str, table: str | None) -> None:
    """Raise `UnknownNameError` unless a table has the column, or there is none at all."""
    if table is not None:
        parts.rows.table(tenant, table).column(column)
        return
    tables = parts.rows.tables(tenant)
    known = dict.fromkeys(each.key for one in tables for each in one.columns)
    if tables and column not in known:
        raise UnknownNameError("column", column, known=tuple(known), within="any table")


def _erased_if_there(desk: Desk, tenant: str, table: str, key: str, *, actor: str) -> Erased:
    try:
        return erase(desk, tenant, table, key, actor=actor)
    except UnknownNameError:  # somebody else has just erased it
        return Erased()


def _profiled(desk: Desk, tenant: str, column: str, value: str) -> Iterator[str]:
    for candidate, payload in desk.erasure.waiting_profiles(tenant):
        if _as_text(row_of_profile(payload).get(column)) == value:
            yield candidate


def _as_text(value: Json) -> str | None:
    """Write a value as PostgreSQL's `->>` does."""
    return (
        value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    )
