"""Batches in PostgreSQL: opened, settled and swept. Each is one call or two."""

from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, text

from enrich.domain.outcome import OVER_BUDGET
from enrich.domain.run import BatchRef, OpenBatch, Phase, Progress, RunState, RunView
from enrich.ports.rows import WriteReport
from enrich.ports.runs import MOST_UNOPENED, Finished, Settled, Settlement, Swept
from enrich.store.bulk import (
    lines_of,
    patches_of,
    response_from_line,
    row_from_line,
)
from enrich.store.codec import dumps
from enrich.store.engine import read_json
from enrich.store.responses import RECORDED, held_rows
from enrich.store.run_codec import counts_to_json, run_view

__all__ = ["finished_of", "let_go", "open_batch", "settle_batch", "sweep_batches"]

_OPEN = text("""
    SELECT * FROM open_batch(
        :run_id, :number, :attempt, :phase, :wave, :lease_s, :holder, :provider, :poor)
""")

_SETTLED = """
    settle_batch(
        :run_id, :number, :attempt, :phase, :wave,
        CAST(:columns AS text[]), CAST(:cell_rows AS bigint[]),
        ARRAY(SELECT jsonb_array_elements(CAST(:data AS jsonb))),
        ARRAY(SELECT jsonb_array_elements(CAST(:cells AS jsonb))),
        :next_phase, :next_wave, CAST(:counts AS jsonb),
        CAST(:deferred AS bigint[]), CAST(:ready_at AS timestamptz), :in_flight, :lease_s)
"""
_SETTLE = text(f"SELECT {_SETTLED} AS settled, 0 AS recorded")
# The batch first, as in every settlement: of two who end it, none may hold the rows and want it.
# Then the ledger: the run that is locked for it is no longer the same row once it is counted on.
# Rows are held as they are held to be written: of two who share a row, none could get more later.
_RECORD_AND_SETTLE = text(f"""
    SELECT FROM batches WHERE run_id = :run_id AND number = :number FOR UPDATE;
    {held_rows("CAST(:rows AS bigint[]) || CAST(:cell_rows AS bigint[])", strength="UPDATE")}
    WITH {RECORDED}
    SELECT {_SETTLED} AS settled, r.recorded
    FROM (SELECT count(*) AS recorded FROM recorded OFFSET 0) AS r
""")  # noqa: S608 - the text is ours

# What has fallen behind, whoever was to do it: a lease that ran out (that of a batch which waits
# for its moment counts from there), the first queued batch of a run that has none in flight, and
# what is left of a cancelled run.
_TAKE = text("""
    WITH due AS MATERIALIZED (
        SELECT b.run_id, b.number, r.state = 'running' AS alive, b.phase <> 'queued' AS is_lost
        FROM batches b JOIN runs r ON r.id = b.run_id
        WHERE b.phase IN ('queued', 'probe', 'premium') AND (
            r.state <> 'running'
            OR b.lease_until <= now()
            OR (b.phase = 'queued' AND NOT EXISTS (
                SELECT FROM batches f
                WHERE f.run_id = b.run_id AND (batch_in_flight(f.phase, f.ready_at)
                    OR (f.phase = 'queued' AND f.number < b.number)))))
        -- Who has waited longest goes first, so that no run starves the sweep for the others.
        ORDER BY b.lease_until NULLS FIRST, b.run_id, b.number LIMIT :limit
        FOR UPDATE OF b SKIP LOCKED)
    UPDATE batches b
    SET phase = CASE WHEN NOT d.alive THEN 'cancelled'
                     WHEN d.is_lost AND b.lost + 1 >= :max_attempts THEN 'parked'
                     WHEN d.is_lost THEN b.phase
                     ELSE 'probe' END,
        attempt = b.attempt + d.is_lost::integer,
        lost = b.lost + d.is_lost::integer,
        reason = CASE WHEN d.alive AND d.is_lost AND b.lost + 1 >= :max_attempts
                      THEN :parked_reason || b.phase ELSE '' END,
        ready_at = NULL,
        lease_until = CASE WHEN d.alive AND NOT (d.is_lost AND b.lost + 1 >= :max_attempts)
                           THEN now() + make_interval(secs => :lease_s) END,
        holder = :holder, unopened = b.unopened + 1
    FROM due d WHERE b.run_id = d.run_id AND b.number = d.number
    RETURNING b.run_id, b.number, b.attempt, b.phase, b.wave
""")

# No loss is what was left in good order, or what nobody had opened: what the sweep will add to
# `lost` is taken off beforehand. What is still queued of this attempt is over, lest it renew the
# lease before the sweep: others of its wave went with the process. A batch that kills whoever opens
# it may look unopened: after a few times it is left to its lease, which counts. One that waits for
# its moment is due then, by its messages or by the sweep, whichever comes first.
_LET_GO = text("""
    WITH mine AS MATERIALIZED (
        SELECT b.run_id, b.number, coalesce(b.ready_at > now(), false) AS is_early
        FROM batches b
        WHERE b.phase IN ('probe', 'premium') AND b.lease_until > now() AND b.holder = :holder
            AND b.unopened <= :most_unopened
        ORDER BY b.run_id, b.number FOR UPDATE)
    UPDATE batches b
    SET lease_until = greatest(now(), b.ready_at), holder = '',
        attempt = b.attempt + (NOT is_early)::integer,
        lost = b.lost - (NOT :is_lost OR b.unopened > 0)::integer
    FROM mine WHERE b.run_id = mine.run_id AND b.number = mine.number
""")

_RUNS = text("SELECT * FROM run_views WHERE run_id = ANY (CAST(:ids AS bigint[]))")

# In the order of runs: two sweeps that park batches of the same two runs must not deadlock.
_PARKED = text("""
    SELECT a.id, a.reply_to, a.state
    FROM (SELECT run_id, count(*)::integer AS ended FROM unnest(CAST(:runs AS bigint[])) AS run_id
          GROUP BY run_id ORDER BY run_id) AS p
    CROSS JOIN LATERAL advance_run(p.run_id, p.ended, 0, '{}') AS a
""")


def open_batch(
    connection: Connection, ref: BatchRef, lease_s: float, provider: str | None, holder: str
) -> OpenBatch | None:
    """Renew the lease and read, in one statement; None when the batch is elsewhere."""
    asked = {**_where(ref), "lease_s": lease_s, "provider": provider, "holder": holder}
    asked["poor"] = OVER_BUDGET
    found = connection.execute(_OPEN, asked).mappings().one_or_none()
    if found is None:
        return None
    total, ended, spent = found["progress"]
    return OpenBatch(
        ref=ref,
        run=run_view(found),
        rows=tuple([row_from_line(line) for line in read_json(found["rows"] or "[]")]),
        responses=tuple(
            [response_from_line(line) for line in read_json(found["responses"] or "[]")]
        ),
        tokens={(row, key): token for row, key, token in found["tokens"] or ()},
        money_waits=dict(found["money_waits"] or ()),
        progress=Progress(total=total, ended=ended, spent_microcredits=spent),
    )


def let_go(connection: Connection, holder: str, *, is_lost: bool) -> int:
    """End the leases of a holder's batches."""
    asked = {"holder": holder, "is_lost": is_lost, "most_unopened": MOST_UNOPENED}
    return connection.execute(_LET_GO, asked).rowcount


def settle_batch(
    connection: Connection, ref: BatchRef, settlement: Settlement, *, in_flight: int, lease_s: float
) -> Settled:
    """Call the SQL function that does it all."""
    deferred = settlement.deferred
    asked = {
        **_where(ref),
        **patches_of(settlement.writes),
        "next_phase": settlement.phase.value,
        "next_wave": settlement.wave,
        "counts": dumps(counts_to_json(settlement.counts), name="counts"),
        "deferred": list(deferred.rows) if deferred else None,
        "ready_at": deferred.ready_at if deferred else None,
        "in_flight": in_flight,
        "lease_s": lease_s,
    }
    if settlement.said:
        asked |= {"batch": ref.number, **lines_of(settlement.said)}
    statement = _RECORD_AND_SETTLE if settlement.said else _SETTLE
    raw, recorded = connection.execute(statement, asked).one()
    return _settled(ref, settlement, raw, recorded)


def sweep_batches(
    connection: Connection, *, lease_s: float, max_attempts: int, limit: int, holder: str
) -> Swept:
    """Take what is due, park what is past its attempts, end what is cancelled."""
    asked = {
        "lease_s": lease_s,
        "max_attempts": max_attempts,
        "limit": limit,
        "holder": holder,
        "parked_reason": f"its lease ran out {max_attempts} times, last in ",
    }
    taken = connection.execute(_TAKE, asked).all()
    parked = [raw.run_id for raw in taken if raw.phase == Phase.PARKED]
    due = sorted(raw for raw in taken if raw.phase in _UNDER_WAY)
    views = _views(connection, {raw.run_id for raw in due})
    finished = connection.execute(_PARKED, {"runs": parked}).all() if parked else ()
    return Swept(
        due=tuple((views[raw.run_id], _ref(raw)) for raw in due),
        parked=len(parked),
        finished=tuple(finished_of(raw) for raw in finished),
    )


_UNDER_WAY = frozenset({Phase.PROBE, Phase.PREMIUM})


def _where(ref: BatchRef) -> dict[str, Any]:
    return {
        "run_id": ref.run_id,
        "number": ref.number,
        "attempt": ref.attempt,
        "phase": ref.phase.value,
        "wave": ref.wave,
    }


def _settled(ref: BatchRef, settlement: Settlement, raw: dict[str, Any], recorded: int) -> Settled:
    if not raw["won"]:
        return Settled(won=False, recorded=recorded)
    first = BatchRef(run_id=ref.run_id, number=0, attempt=ref.attempt + 1, phase=Phase.PROBE)
    deferred = settlement.deferred
    return Settled(
        won=True,
        recorded=recorded,
        report=WriteReport(**raw["report"]),
        finished=finished_of(raw["finished"]) if raw["finished"] else None,
        launched=tuple(
            replace(first, number=number, attempt=attempt) for number, attempt in raw["launched"]
        ),
        deferred=(replace(first, number=raw["deferred"]), deferred.ready_at) if deferred else None,
    )


def finished_of(raw: Any) -> Finished:
    """Read a run's id, who waits for it, and its state."""
    run_id, reply_to, state = raw
    return Finished(run_id=run_id, reply_to=reply_to, state=RunState(state))


def _views(connection: Connection, ids: set[int]) -> dict[int, RunView]:
    if not ids:
        return {}
    found = connection.execute(_RUNS, {"ids": sorted(ids)}).mappings()
    return {raw["run_id"]: run_view(raw) for raw in found}


def _ref(raw: Any) -> BatchRef:
    return BatchRef(
        run_id=raw.run_id,
        number=raw.number,
        attempt=raw.attempt,
        phase=Phase(raw.phase),
        wave=raw.wave,
    )
