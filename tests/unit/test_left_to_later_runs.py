"""What an open breaker leaves: cells that say who and why, and that a later run fills."""

from enrich.domain.outcome import Outcome, Unavailable
from enrich.domain.table import CellState
from enrich.engine.submit import RunRequest, submit
from enrich.ports import Selection
from tests.unit.batches import found, spec
from tests.unit.engine_world import Scripted, World, world

_ROWS = 40
_LEFT = Selection(states=frozenset({"failed", "skipped"}))


def cells_of(own: World) -> list[tuple[CellState, str, bool]]:
    """Give state, reason and whether it says when to come back, of each row's cell."""
    rows = own.parts.rows.read("default", "t", [f"r{n}" for n in range(1, _ROWS + 1)])
    cells = [row.cells["domain"] for row in rows]
    return [(cell.state, cell.reason, cell.retry_at is not None) for cell in cells]


def test_cells_that_an_open_breaker_left_say_so_and_are_filled_by_a_later_run() -> None:
    now: list[Outcome] = [Unavailable("timed out")]
    provider = Scripted(spec("one", "email", "domain"), lambda _: now[0])

    with world(provider, emails=[f"{n}@acme.com" for n in range(_ROWS)]) as own:
        own.run()
        left = cells_of(own)
        now[0] = found(domain="acme.com")
        own.clock.sleep(3600)
        begun = submit(own.parts, RunRequest(table="t", selection=_LEFT))
        own.runner.run(begun.steps, patience_s=0)
        # A breaker that tries its provider out lets a few through, then all.
        again = submit(own.parts, RunRequest(table="t", selection=_LEFT))
        own.runner.run(again.steps, patience_s=0)
        after = cells_of(own)

    assert set(left) == {
        (CellState.FAILED, "one: unavailable (timed out)", False),
        (CellState.SKIPPED, "one: skipped (breaker open)", True),
    }
    assert {state for state, _, _ in after} == {CellState.FILLED}
