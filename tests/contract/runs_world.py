"""What tests of the run store begin, settle and sweep with."""

from collections.abc import Sequence

from enrich.domain.run import BatchRef, Phase, RunOptions, RunView
from enrich.ports import NewRun, Selection, Settled, Settlement
from tests.contract.conftest import Stores
from tests.store_fixtures import TABLE, TENANT

WANTED = ("industry", "city")
END = Settlement(writes=(), phase=Phase.DONE)
EVERYTHING = Selection()
#: A lease that has run out the moment it is given.
NO_LEASE_S = -1.0


def begin(
    stores: Stores,
    *,
    selection: Selection = EVERYTHING,
    batch_rows: int = 2,
    in_flight: int = 9,
    lease_s: float = 60,
    wanted: Sequence[str] = WANTED,
    tenant: str = TENANT,
    options: RunOptions | None = None,
    reply_to: str = "",
) -> tuple[RunView, tuple[BatchRef, ...]]:
    new = NewRun(
        tenant=tenant,
        table=TABLE,
        wanted=tuple(wanted),
        selection=selection,
        options=options or RunOptions(),
        batch_rows=batch_rows,
        reply_to=reply_to,
    )
    return stores.runs.create(new, in_flight=in_flight, lease_s=lease_s)


def settle(
    stores: Stores, ref: BatchRef, settlement: Settlement = END, *, in_flight: int = 9
) -> Settled:
    return stores.runs.settle(ref, settlement, in_flight=in_flight, lease_s=60)


def sweep(stores: Stores, *, max_attempts: int = 3, lease_s: float = 60) -> Sequence[BatchRef]:
    swept = stores.runs.sweep(lease_s=lease_s, max_attempts=max_attempts)
    return [ref for _, ref in swept.due]


def rows_of(stores: Stores, refs: Sequence[BatchRef]) -> list[list[str]]:
    opened = [stores.runs.open(ref, lease_s=60) for ref in refs]
    return [[row.key for row in batch.rows] for batch in opened if batch is not None]
