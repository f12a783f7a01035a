"""What operators look at, in PostgreSQL."""

from collections.abc import Sequence

from sqlalchemy import Engine, text

from enrich.ports.board import Spent, Waiting
from enrich.store.codec import counts_from_json
from enrich.store.engine import Database

__all__ = ["PostgresBoard"]

_WAITING = text("""
    SELECT b.phase, count(*) AS number,
           extract(epoch FROM now() - min(r.started_at))::double precision AS age
    FROM batches b JOIN runs r ON r.id = b.run_id
    WHERE b.phase IN ('queued', 'probe', 'premium') GROUP BY b.phase
""")

# Keyed by tenant, so that the index of paid calls by tenant and day serves.
_SPENT = text("""
    SELECT t.id, coalesce(
               (SELECT jsonb_object_agg(k.key, k.amount)
                FROM (SELECT c.key, sum(c.value::bigint) AS amount
                      FROM runs r CROSS JOIN LATERAL jsonb_each_text(r.counts) c
                      WHERE r.tenant_id = t.id GROUP BY c.key) AS k), '{}') AS counts,
           (SELECT coalesce(sum(p.cost_microcredits), 0)::bigint FROM paid_calls p
            WHERE p.tenant_id = t.id
              AND p.reserved_at >= date_trunc('day', now(), 'UTC')) AS today
    FROM tenants t ORDER BY t.id
""")


class PostgresBoard:
    """The port `Board`."""

    def __init__(self, engine: Engine) -> None:
        self._database = Database(engine)

    def waiting(self) -> Waiting:
        """Count the batches that are open."""
        found = self._database.run(lambda c: c.execute(_WAITING).all())
        ages = [raw.age for raw in found]
        return Waiting(
            batches={raw.phase: raw.number for raw in found}, oldest_s=max(ages, default=0.0)
        )

    def spent(self) -> Sequence[Spent]:
        """Add up the runs of each tenant; the port's promise."""
        found = self._database.run(lambda c: c.execute(_SPENT).all())
        return tuple(
            Spent(tenant=raw.id, counts=counts_from_json(raw.counts), today_microcredits=raw.today)
            for raw in found
        )
