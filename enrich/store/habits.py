"""How providers answer, added up by PostgreSQL over the ledger of a tenant."""

from typing import Any

from sqlalchemy import Connection, text

from enrich.domain.fusion.habits import Ageing, Habit, Habits
from enrich.domain.fusion.judge import BINS

__all__ = ["habits_in"]

_DIGITS = 6
_YEAR_S = 31_557_600.0

# A question is about every wanted column of its run; what is not in the answer is not known.
_ANSWERS = text("""
    SELECT s.provider, c.field,
           width_bucket(CAST(s.outcome -> 'observations' -> c.field ->> 1
                             AS double precision), CAST(:bins AS double precision[])) AS bin,
           sum(w.weight) AS weight, sum(w.weight * s.latency_s) AS took_s
    FROM responses s
    JOIN runs r ON r.id = s.run_id
    JOIN columns c ON c.table_id = r.table_id AND c.key = ANY (r.wanted)
    CROSS JOIN LATERAL (SELECT power(0.5, greatest(0, extract(epoch FROM now() - s.observed_at))
                               / :half_life_s) AS weight) AS w
    WHERE r.tenant_id = :tenant AND s.kind IN ('found', 'not_found') AND NOT s.stale
    GROUP BY s.provider, c.field, bin ORDER BY s.provider, c.field, bin
""")

# Two answers of one provider about one row: was the second another value, how long after?
_AGEING = text("""
    SELECT t.field, sum(CAST(t.is_changed AS integer)) AS changes, sum(t.took_s) AS took_s
    FROM (SELECT f.key AS field,
                 f.value -> 0 IS DISTINCT FROM lag(f.value -> 0) OVER w AS is_changed,
                 extract(epoch FROM s.observed_at - lag(s.observed_at) OVER w) AS took_s
          FROM responses s JOIN runs r ON r.id = s.run_id
          CROSS JOIN LATERAL jsonb_each(s.outcome -> 'observations') AS f
          WHERE r.tenant_id = :tenant AND s.kind = 'found' AND NOT s.stale AND NOT s.from_cache
          WINDOW w AS (PARTITION BY s.row_id, s.provider, f.key ORDER BY s.observed_at, s.id)) AS t
    WHERE t.took_s > 0 GROUP BY t.field ORDER BY t.field
""")


def habits_in(connection: Connection, tenant: str, *, half_life_s: float) -> Habits:
    """Add up what a tenant's providers answered; older answers count less."""
    asked = {"tenant": tenant, "half_life_s": half_life_s, "bins": list(BINS)}
    counts: dict[str, dict[str, list[float]]] = {}
    waits: dict[str, list[float]] = {}
    for raw in connection.execute(_ANSWERS, asked):
        bins = counts.setdefault(raw.field, {}).setdefault(raw.provider, [0.0] * (len(BINS) + 2))
        # In front stand those who knew nothing.
        bins[0 if raw.bin is None else raw.bin + 1] += float(raw.weight)
        wait = waits.setdefault(raw.provider, [0.0, 0.0])
        wait[0] += float(raw.took_s)
        wait[1] += float(raw.weight)
    return Habits(
        answers={
            field: {who: _habit(bins) for who, bins in sorted(some.items())}
            for field, some in sorted(counts.items())
        },
        latency_s={who: round(took / n, _DIGITS) for who, (took, n) in sorted(waits.items()) if n},
        ageing={raw.field: _ageing(raw) for raw in connection.execute(_AGEING, asked)},
    )


def _habit(bins: list[float]) -> Habit:
    found = tuple(round(count, _DIGITS) for count in bins[1:])
    return Habit(asked=round(sum(bins), _DIGITS), found=round(sum(found), _DIGITS), bins=found)


def _ageing(raw: Any) -> Ageing:
    return Ageing(float(raw.changes), round(float(raw.took_s) / _YEAR_S, _DIGITS))
