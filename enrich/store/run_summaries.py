"""Runs in PostgreSQL as people ask about them."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, text

from enrich.domain.run import RunState
from enrich.errors import UnknownNameError
from enrich.ports.runs import RunSummary
from enrich.store.codec import cleaned
from enrich.store.run_codec import counts_from_json

__all__ = ["known_run", "summaries"]

_SUMMARIES = text("""
    SELECT r.*, t.name AS table_name,
           coalesce((SELECT jsonb_object_agg(p.phase, p.number)
                     FROM (SELECT phase, count(*) AS number FROM batches b
                           WHERE b.run_id = r.id GROUP BY phase) AS p), '{}') AS phases,
           ARRAY(SELECT DISTINCT b.reason FROM batches b
                 WHERE b.run_id = r.id AND b.phase = 'parked' ORDER BY b.reason) AS reasons,
           -- A call that was under way when its run ended, by being cancelled above all, is in the
           -- books alone. Those of many long runs would take long to add up.
           CASE WHEN r.state = 'cancelled' OR r.state = 'done' AND r.id = :run_id THEN
               (SELECT coalesce(sum(p.cost_microcredits), 0)::bigint
                FROM paid_calls p WHERE p.run_id = r.id) END AS booked
    FROM runs r JOIN tables t ON t.id = r.table_id
    WHERE r.tenant_id = :tenant AND (CAST(:run_id AS bigint) IS NULL OR r.id = :run_id)
          AND (CAST(:before AS bigint) IS NULL OR r.id < :before)
    ORDER BY r.id DESC LIMIT :limit
""")


def known_run(connection: Connection, tenant: str, run_id: int) -> RunSummary:
    """Tell how a tenant's run stands. Raises `UnknownNameError`."""
    found = summaries(connection, tenant, run_id, 1)
    if not found:
        raise UnknownNameError("run", str(run_id))
    return found[0]


def summaries(
    connection: Connection, tenant: str, run_id: int | None, limit: int, before: int | None = None
) -> tuple[RunSummary, ...]:
    """List a tenant's runs, the newest first: that one, or those older than the run `before`."""
    asked = {"tenant": cleaned(tenant), "run_id": run_id, "limit": limit, "before": before}
    return tuple(_summary(raw) for raw in connection.execute(_SUMMARIES, asked).mappings())


def _summary(raw: Mapping[Any, Any]) -> RunSummary:
    counts, booked = counts_from_json(raw["counts"]), raw["booked"]
    return RunSummary(
        id=raw["id"],
        tenant=raw["tenant_id"],
        table=raw["table_name"],
        state=RunState(raw["state"]),
        wanted=tuple(raw["wanted"]),
        rows=raw["rows_total"],
        counts=counts if booked is None else replace(counts, cost_microcredits=booked),
        batches=raw["phases"],
        parked_reasons=tuple(raw["reasons"]),
        started_at=raw["started_at"],
        finished_at=raw["finished_at"],
        max_cost_microcredits=raw["options"].get("max_cost_microcredits"),
    )
