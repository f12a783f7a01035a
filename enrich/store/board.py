"""What operators look at, in PostgreSQL."""

from collections.abc import Mapping, Sequence

from sqlalchemy import Engine, text

from enrich.ports.board import Ended, Spent, Waiting
from enrich.store.engine import Database
from enrich.store.run_codec import counts_from_json

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
                      WHERE r.tenant_id = t.id AND c.key NOT LIKE 'endings:%'
                      GROUP BY c.key) AS k), '{}') AS counts,
           (SELECT coalesce(sum(p.cost_microcredits), 0)::bigint FROM paid_calls p
            WHERE p.tenant_id = t.id
              AND p.reserved_at >= date_trunc('day', now(), 'UTC')) AS today
    FROM tenants t ORDER BY t.id
""")

_SPENT_ON = text("""
    SELECT provider, sum(cost_microcredits)::bigint AS amount FROM paid_calls
    WHERE tenant_id = :tenant AND reserved_at >= date_trunc('day', now(), 'UTC')
    GROUP BY provider ORDER BY provider
""")

# Of the newest runs only, which the key finds: nothing else orders runs by their end.
_ENDED = text("""
    SELECT tenant_id, count(*) FILTER (WHERE state = 'done') AS completed,
           count(*) FILTER (WHERE state = 'cancelled') AS cancelled,
           percentile_disc(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (
               ORDER BY extract(epoch FROM finished_at - started_at)::double precision) AS took
    FROM runs
    WHERE finished_at > now() - make_interval(secs => :within_s)
      AND id > (SELECT max(id) - 100000 FROM runs)
    GROUP BY tenant_id ORDER BY tenant_id
""")


class PostgresBoard:
    """The port `Board`."""

    def __init__(self, engine: Engine) -> None:
        self._database = Database(engine)

    def waiting(self) -> Waiting:
        """Count the batches that are open."""
        found = self._database.of_all().run(lambda c: c.execute(_WAITING).all())
        ages = [raw.age for raw in found]
        return Waiting(
            batches={raw.phase: raw.number for raw in found}, oldest_s=max(ages, default=0.0)
        )

    def spent(self) -> Sequence[Spent]:
        """Add up the runs of each tenant; the port's promise."""
        found = self._database.of_all().run(lambda c: c.execute(_SPENT).all())
        return tuple(
            Spent(tenant=raw.id, counts=counts_from_json(raw.counts), today_microcredits=raw.today)
            for raw in found
        )

    def spent_on(self, tenant: str) -> Mapping[str, int]:
        """Add up a tenant's paid calls of today by provider; the port's promise."""
        found = self._database.of(tenant).run(
            lambda c: c.execute(_SPENT_ON, {"tenant": tenant}).all()
        )
        return {raw.provider: raw.amount for raw in found if raw.amount}

    def ended(self, *, within_s: float) -> Sequence[Ended]:
        """Tell of the runs that ended lately; the port's promise."""
        found = self._database.of_all().run(
            lambda c: c.execute(_ENDED, {"within_s": within_s}).all()
        )
        return tuple(
            Ended(
                tenant=raw.tenant_id,
                completed=raw.completed,
                cancelled=raw.cancelled,
                took_s=tuple(raw.took),
            )
            for raw in found
        )
