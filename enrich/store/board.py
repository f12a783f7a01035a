"""What operators look at, in PostgreSQL."""

from sqlalchemy import Engine, text

from enrich.ports.board import Waiting
from enrich.store.engine import Database

__all__ = ["PostgresBoard"]

_WAITING = text("""
    SELECT b.phase, count(*) AS number,
           extract(epoch FROM now() - min(r.started_at))::double precision AS age
    FROM batches b JOIN runs r ON r.id = b.run_id
    WHERE b.phase IN ('queued', 'probe', 'premium') GROUP BY b.phase
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
