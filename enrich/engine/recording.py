"""Write down what providers said, and keep nothing of rows that were erased meanwhile."""

from collections.abc import Collection, Sequence

from enrich.domain.run import BatchRef, Response, RunView
from enrich.engine.parts import Parts

__all__ = ["forget_asked", "forget_erased", "record"]


def record(parts: Parts, run: RunView, ref: BatchRef, said: Sequence[Response]) -> int:
    """Append to the ledger; gives how many responses were new."""
    new = parts.runs.record(ref, said)
    if new < len(said):
        forget_erased(parts, run, said)
    return new


def forget_erased(parts: Parts, run: RunView, said: Sequence[Response]) -> None:
    """Drop from the cache what was said about rows that were erased while it was under way.

    The answers were cached when they came, and the eraser cannot know of them.
    """
    forget_asked(parts, run, {(response.row, response.input_key) for response in said})


def forget_asked(parts: Parts, run: RunView, asked: Collection[tuple[int, str]]) -> None:
    """Drop from the cache each question, by row and name, whose row is there no more."""
    rows = {row for row, _ in asked}
    gone = rows - parts.rows.present(run.tenant, sorted(rows))
    names = sorted({name for row, name in asked if row in gone})
    if names:
        parts.responses.drop_many(run.tenant, names)
