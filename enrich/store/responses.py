"""The ledger of what providers said: appended to, never changed."""

from collections.abc import Sequence

from sqlalchemy import Connection, text

from enrich.domain.run import BatchRef, Response
from enrich.errors import UnknownNameError
from enrich.store.bulk import LINES, lines_of
from enrich.store.codec import cleaned
from enrich.store.run_codec import response_from_json

__all__ = ["RECORDED", "evidence_of", "held_rows", "record_responses", "skipped_by"]


def held_rows(rows: str, *, strength: str = "KEY SHARE") -> str:
    """Write the statement to be sent before one that appends something about rows.

    Who erases a row waits for it or comes first, and then the row is gone for the statement itself:
    what is appended is always seen by one of the two. In the order of ids, as everywhere.
    """
    return f"""
        SELECT count(*) FROM (
            SELECT FROM rows WHERE id = ANY ({rows}) ORDER BY id FOR {strength}) AS held;
    """  # noqa: S608 - the text is ours


#: What appends `lines_of` to the ledger, as two parts of a statement; `recorded` gives a row for
#: each line that is new.
RECORDED = f"""
    -- Once for all lines, as a foreign key would do for each: the run stays until we are done.
    run AS MATERIALIZED (SELECT id, filed_on FROM runs WHERE id = :run_id FOR KEY SHARE),
    recorded AS (
    INSERT INTO responses (
        run_id, batch, attempt, row_id, provider, provider_version, input_key, slot, kind, outcome,
        cost_microcredits, latency_s, observed_at, from_cache, coalesced, stale, calls, filed_on)
    SELECT run.id, :batch, :attempt, u.row_id, u.provider, u.provider_version, u.input_key,
           CASE WHEN u.final THEN 0 ELSE :attempt END, u.kind, u.outcome,
           u.cost_microcredits, u.latency_s, u.observed_at, u.from_cache, u.coalesced, u.stale,
           u.calls, run.filed_on
    FROM run, {LINES} JOIN rows r ON r.id = u.row_id
    -- In one order for everybody: two probes that wait for each other's keys would deadlock.
    ORDER BY u.row_id, u.provider, u.input_key
    ON CONFLICT DO NOTHING
    RETURNING 1)
"""  # noqa: S608 - the text is ours
_RECORD = text(f"""
    {held_rows("CAST(:rows AS bigint[])")}
    WITH {RECORDED} SELECT count(*) FROM recorded
""")  # noqa: S608 - the text is ours

_EVIDENCE = text("""
    SELECT s.run_id, to_jsonb(s) AS response
    FROM tables t JOIN rows r ON r.table_id = t.id JOIN responses s ON s.row_id = r.id
    WHERE t.tenant_id = :tenant AND t.name = :name AND r.key = :key
    ORDER BY s.id DESC
""")
_SKIPPED = text("""
    SELECT DISTINCT s.provider
    FROM responses s JOIN runs r ON r.id = s.run_id AND r.filed_on = s.filed_on
    WHERE s.run_id = :run AND r.tenant_id = :tenant AND s.kind = 'skipped'
    AND s.outcome ->> 'reason' = :reason ORDER BY s.provider
""")
_ROW = text("""
    SELECT r.id FROM tables t JOIN rows r ON r.table_id = t.id
    WHERE t.tenant_id = :tenant AND t.name = :name AND r.key = :key
""")


def record_responses(connection: Connection, ref: BatchRef, responses: Sequence[Response]) -> int:
    """Append; gives how many were new."""
    if not responses:
        return 0
    batch = {"run_id": ref.run_id, "batch": ref.number, "attempt": ref.attempt}
    return int(connection.execute(_RECORD, {**batch, **lines_of(responses)}).scalar_one())


def evidence_of(
    connection: Connection, tenant: str, table: str, key: str
) -> tuple[tuple[int, Response], ...]:
    """Give all that was said about a row, newest first, with the run's number."""
    named = {"tenant": cleaned(tenant), "name": cleaned(table), "key": cleaned(key)}
    found = connection.execute(_EVIDENCE, named).all()
    if not found and connection.execute(_ROW, named).one_or_none() is None:
        raise UnknownNameError("row", key, within=f"table {table!r}")
    return tuple((raw.run_id, response_from_json(raw.response)) for raw in found)


def skipped_by(connection: Connection, tenant: str, run_id: int, reason: str) -> tuple[str, ...]:
    """Name the providers that were not asked about some row for this reason."""
    asked = {"tenant": cleaned(tenant), "run": run_id, "reason": reason}
    return tuple(connection.execute(_SKIPPED, asked).scalars())
