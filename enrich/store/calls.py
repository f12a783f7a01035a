"""Paid calls in PostgreSQL: reserved and noted by SQL functions, each call one round trip."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, time
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Engine, TextClause, text

from enrich.domain.outcome import outcome_from_json, outcome_to_json
from enrich.domain.paid import (
    Asked,
    Booking,
    CallEnd,
    CallState,
    Doubt,
    Hold,
    Ruling,
    Scope,
    Spending,
    Verdict,
    call_key,
)
from enrich.domain.provider import ProviderSpec
from enrich.domain.run import RunView
from enrich.domain.values import JsonObject
from enrich.errors import UnknownNameError
from enrich.store.codec import cleaned, dumps_each
from enrich.store.engine import Database
from enrich.store.responses import held_rows

__all__ = ["PostgresPaidCalls"]

_RESERVE = text(f"""
    {held_rows("CAST(:rows AS bigint[])")}
    SELECT * FROM reserve_calls(
        :tenant, :run_id, :provider, :version, :holder, :hold_s, :parks, :bulk, :begun,
        CAST(:keys AS text[]), CAST(:rows AS bigint[]), CAST(:prices AS bigint[]))
""")  # noqa: S608 - the text is ours
_NOTE = text("SELECT note_calls(:holder, CAST(:begun AS text[]), CAST(:ended AS jsonb))")
# Who erased a row left the calls about it without their questions: an end is booked on any of those
# that its holder still has, so that the sum is right, and nothing else of it is kept.
_NOTE_ERASED = text("""
    WITH told AS (
        SELECT row_number() OVER () AS n, u.*
        FROM jsonb_to_recordset(CAST(:ended AS jsonb)) AS u (
            state text, cost bigint, latency_s double precision, observed_at timestamptz)),
    waits AS (
        SELECT row_number() OVER (ORDER BY id) AS n, id FROM paid_calls
        WHERE holder = :holder AND state = 'reserved' AND row_id = 0)
    UPDATE paid_calls c
    SET state = t.state, cost_microcredits = t.cost, latency_s = t.latency_s,
        observed_at = t.observed_at, held_until = NULL, ended_at = clock_timestamp()
    FROM waits w JOIN told t USING (n) WHERE c.id = w.id
""")

# A holder that is still at work will book its own spending: until then all of it is a hold.
_SPENT = """
    SELECT {n} AS place,
           coalesce(sum(cost) FILTER (WHERE coalesce(left_s, 0) <= 0), 0)::bigint AS spent,
           coalesce(json_agg(json_build_array(holder, held, left_s) ORDER BY holder)
                    FILTER (WHERE left_s > 0), '[]') AS holds
    FROM (
        SELECT c.holder, sum(c.cost_microcredits) AS cost,
               sum(CASE WHEN c.state = 'reserved' THEN c.price_microcredits
                        ELSE c.cost_microcredits END) AS held,
               extract(epoch FROM max(c.held_until) FILTER (WHERE c.state = 'reserved') - now())
                   AS left_s
        FROM paid_calls c WHERE c.tenant_id = :tenant AND {scope} GROUP BY c.holder) AS mine
"""
_DAY = "c.reserved_at >= :day_{n} AND c.reserved_at < :day_{n} + interval '1 day'"
_SCOPES = {
    "run": "c.run_id = :run_{n}",
    "tenant": _DAY,
    "table": f"""{_DAY} AND EXISTS (
        SELECT FROM runs r JOIN tables t ON t.id = r.table_id
        WHERE r.id = c.run_id AND t.name = :table_{{n}})""",
}

_COSTS = text("""
    SELECT provider, sum(cost_microcredits)::bigint AS cost FROM paid_calls
    WHERE tenant_id = :tenant AND run_id = :run_id AND cost_microcredits > 0
    GROUP BY provider ORDER BY provider
""")

_WAITS = """(c.state = 'parked'
    OR c.state = 'reserved' AND c.held_until <= now() AND c.begun_at IS NOT NULL)"""
_DOUBTS = text(f"""
    SELECT c.*, coalesce(r.key, '') AS row_key
    FROM paid_calls c LEFT JOIN rows r ON r.id = c.row_id
    WHERE c.tenant_id = :tenant AND (CAST(:run_id AS bigint) IS NULL OR c.run_id = :run_id)
      AND ({_WAITS} OR c.doubts > 0 AND NOT :unsettled)
    ORDER BY c.id DESC LIMIT :limit
""")  # noqa: S608 - our own words
_RESOLVE = text("""
    UPDATE paid_calls c SET doubts = c.doubts - 1
    FROM (SELECT id FROM paid_calls
          WHERE holder = :holder AND state = 'reserved' AND doubts > 0
            AND input_key = ANY (CAST(:keys AS text[]))
          ORDER BY input_key FOR UPDATE) AS mine
    WHERE c.id = mine.id
""")
_SETTLE = text(f"""
    UPDATE paid_calls c
    SET state = CASE :ruling WHEN 'paid' THEN 'failed' ELSE 'free' END,
        cost_microcredits = CASE :ruling WHEN 'paid' THEN c.price_microcredits ELSE 0 END,
        doubts = CASE :ruling WHEN 'not_paid' THEN 0 ELSE greatest(c.doubts, 1) END,
        held_until = NULL, begun_at = NULL, ended_at = now()
    WHERE c.tenant_id = :tenant AND c.input_key = :input_key AND c.generation = :generation
      AND {_WAITS}
""")  # noqa: S608


class PostgresPaidCalls:
    """The port `PaidCalls` on PostgreSQL."""

    def __init__(self, engine: Engine) -> None:
        self._database = Database(engine)

    def reserve(
        self,
        run: RunView,
        spec: ProviderSpec,
        questions: Mapping[str, Asked],
        *,
        holder: str,
        hold_s: float,
        parks: bool,
    ) -> Mapping[str, Booking]:
        """Reserve many questions in one statement; say how each stands."""
        asked = {
            "tenant": cleaned(run.tenant),
            "run_id": run.id,
            "provider": spec.name,
            "version": spec.version,
            "holder": holder,
            "hold_s": hold_s,
            "parks": parks,
            "bulk": spec.bulk_size,
            "begun": spec.at_once,
            "keys": list(questions),
            "rows": [each.row for each in questions.values()],
            "prices": [each.price_microcredits for each in questions.values()],
        }
        found = self._database.of(run.tenant).run(lambda c: c.execute(_RESERVE, asked).all())
        return {raw.key: _booking(raw) for raw in found}

    def note(
        self, tenant: str, holder: str, *, begun: Sequence[str] = (), ended: Mapping[str, CallEnd]
    ) -> frozenset[str]:
        """Write down what is about to be called and what has ended; gives what was still ours."""
        asked = {"holder": holder, "begun": list(begun), "ended": _lines(ended)}

        def work(connection: Connection) -> frozenset[str]:
            ours = frozenset(connection.execute(_NOTE, asked).scalars().all())
            if lost := {key: end for key, end in ended.items() if key not in ours}:
                late = {"holder": holder, "ended": _lines(lost)}
                connection.execute(_NOTE_ERASED, late)
            return ours

        return self._database.of(tenant).run(work)

    def resolve(self, tenant: str, holder: str, questions: Sequence[str]) -> None:
        """Take back the doubt that was counted when the holder reserved these questions."""
        asked = {"holder": holder, "keys": list(questions)}
        self._database.of(tenant).do(lambda c: c.execute(_RESOLVE, asked))

    def spent(self, tenant: str, scopes: Sequence[str]) -> Mapping[str, Spending]:
        """Add up what each scope has spent, and what is under way in it."""

        named = [Scope.named(name) for name in scopes]
        if not named:
            return {}
        asked: dict[str, Any] = {"tenant": cleaned(tenant)}
        for n, scope in enumerate(named):
            day = scope.day and datetime.combine(scope.day, time(), UTC)
            asked |= {f"run_{n}": scope.run_id, f"day_{n}": day, f"table_{n}": scope.table}
        statement = _spent_in(tuple(scope.kind for scope in named))
        found = self._database.of(tenant).do(lambda c: c.execute(statement, asked).all())
        return {scopes[raw.place]: _spending(raw) for raw in found}

    def costs(self, tenant: str, run_id: int) -> Mapping[str, int]:
        """Add up the calls of a run by provider."""
        asked = {"tenant": cleaned(tenant), "run_id": run_id}
        found = self._database.of(tenant).do(lambda c: c.execute(_COSTS, asked).all())
        return {raw.provider: raw.cost for raw in found}

    def doubts(
        self, tenant: str, *, run_id: int | None = None, unsettled: bool = False, limit: int = 100
    ) -> Sequence[Doubt]:
        """List the calls that may have been made twice; only those that wait for somebody."""
        asked = {
            "tenant": cleaned(tenant), "run_id": run_id, "unsettled": unsettled, "limit": limit,
        }  # fmt: skip
        found = self._database.of(tenant).run(lambda c: c.execute(_DOUBTS, asked).all())
        return tuple(_doubt(raw) for raw in found)

    def settle(self, tenant: str, key: str, ruling: Ruling) -> None:
        """Decide a call in doubt. Raises `UnknownNameError`."""
        input_key, _, generation = key.partition("-")
        asked = {
            "tenant": cleaned(tenant),
            "input_key": cleaned(input_key),
            "generation": int(generation) if generation.isdecimal() else 0,
            "ruling": ruling.value,
        }
        if not self._database.of(tenant).run(lambda c: c.execute(_SETTLE, asked).rowcount):
            raise UnknownNameError("call in doubt", key)


def _lines(ends: Mapping[str, CallEnd]) -> str:
    return dumps_each([_line(key, end) for key, end in ends.items()], [*ends])


def _line(key: str, end: CallEnd) -> JsonObject:
    return {
        "k": key,
        "state": end.state.value,
        # What is parked has none: whatever a person says of it is no answer.
        "outcome": None if end.is_parked else outcome_to_json(end.outcome),
        "cost": end.cost_microcredits,
        "latency_s": end.latency_s,
        "observed_at": end.observed_at.isoformat(),
    }


def _booking(raw: Any) -> Booking:
    return Booking(
        verdict=_verdict(raw),
        key=call_key(raw.key, raw.number),
        until=raw.until,
        end=_end(raw) if raw.answer is not None else None,
    )


def _verdict(raw: Any) -> Verdict:
    if raw.is_ours:
        return Verdict.DOUBTFUL if raw.is_doubtful else Verdict.OURS
    if raw.stands == CallState.PARKED:
        return Verdict.PARKED
    # An end without an answer is one that a person gave.
    ended = raw.stands in {CallState.ANSWERED, CallState.FAILED}
    if ended and raw.answer is None:
        return Verdict.PARKED
    return Verdict.KNOWN if ended else Verdict.HELD


def _end(raw: Any) -> CallEnd:
    return CallEnd(
        outcome=outcome_from_json(raw.answer),
        observed_at=raw.seen_at,
        cost_microcredits=raw.cost,
        latency_s=raw.took_s,
    )


@lru_cache(maxsize=64)
def _spent_in(kinds: tuple[str, ...]) -> TextClause:
    """Write the question about scopes of these kinds, one after the other."""
    return text(
        " UNION ALL ".join(
            _SPENT.format(n=n, scope=_SCOPES[kind].format(n=n)) for n, kind in enumerate(kinds)
        )
    )


def _spending(raw: Any) -> Spending:
    holds = (Hold(id=h, amount_microcredits=int(m), left_s=float(s)) for h, m, s in raw.holds)
    return Spending(spent_microcredits=raw.spent, holds=tuple(holds))


def _doubt(raw: Any) -> Doubt:
    return Doubt(
        key=call_key(raw.input_key, raw.generation),
        call=raw.call_id,
        run_id=raw.run_id,
        row=raw.row_key,
        provider=raw.provider,
        state=CallState(raw.state),
        doubts=raw.doubts,
        price_microcredits=raw.price_microcredits,
        cost_microcredits=raw.cost_microcredits,
        reserved_at=raw.reserved_at,
    )
