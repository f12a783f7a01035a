"""Write down what providers said, and keep nothing of rows that were erased meanwhile."""

from collections.abc import Sequence

from enrich.domain.run import BatchRef, Response, RunView
from enrich.engine.parts import Parts

__all__ = ["record"]


def record(parts: Parts, run: RunView, ref: BatchRef, said: Sequence[Response]) -> int:
    """Append to the ledger; gives how many responses were new.

    The answers were cached when they came. Those about a row that was erased while they were under
    way are dropped again here: the eraser cannot know of them.
    """
    new = parts.runs.record(ref, said)
    if new < len(said):
        rows = {response.row for response in said}
        gone = rows - parts.rows.present(run.tenant, sorted(rows))
        names = sorted({response.input_key for response in said if response.row in gone})
        if names:
            parts.responses.drop_many(run.tenant, names)
    return new
