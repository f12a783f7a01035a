"""The ledger of responses in memory; whoever calls holds the database's lock."""

from collections import Counter
from collections.abc import Container, Sequence
from dataclasses import replace

from enrich.domain.outcome import Pending, Skipped
from enrich.domain.run import BatchRef, Response
from enrich.store.memory import MemoryDatabase
from enrich.store.run_codec import stored_response

__all__ = ["append", "known_responses", "known_tokens", "money_waits", "said_of", "skipped_by"]


def append(
    db: MemoryDatabase, ref: BatchRef, responses: Sequence[Response], *, rows: Container[int]
) -> int:
    """Keep what was said about rows that are there, unless it is there; gives how many were new."""
    before = len(db.ledger)
    for response in responses:
        if response.row in rows:
            stamped = replace(response, batch=ref.number, attempt=ref.attempt)
            line = (ref.run_id, ref.number, stored_response(stamped))
            db.ledger.setdefault(_key(ref, response), line)
    return len(db.ledger) - before


def known_responses(
    db: MemoryDatabase, ref: BatchRef, rows: Container[int]
) -> tuple[Response, ...]:
    """Give what a batch knows: its own, and what ended a question in the run's other batches."""
    said: dict[tuple[int, str, str], Response] = {}
    for run_id, number, response in db.ledger.values():
        if run_id != ref.run_id or response.row not in rows:
            continue
        if not response.is_final and number != ref.number:
            continue
        question = (response.row, response.provider, response.input_key)
        held = said.pop(question, None)
        keeps = held is not None and held.is_final and not response.is_final
        said[question] = held if keeps and held is not None else response
    return tuple(said.values())


def known_tokens(
    db: MemoryDatabase, ref: BatchRef, rows: Container[int]
) -> dict[tuple[int, str], str]:
    """Give the tokens of a run's questions that are worked on, by row and question."""
    return {
        (said.row, said.input_key): said.outcome.token
        for run_id, _, said in db.ledger.values()
        if run_id == ref.run_id and said.row in rows
        if isinstance(said.outcome, Pending) and said.outcome.token
    }


def money_waits(db: MemoryDatabase, ref: BatchRef, rows: Container[int]) -> dict[int, int]:
    """Count the other batches of a run in which rows waited for money."""
    waits = {
        (said.row, number)
        for run_id, number, said in db.ledger.values()
        if run_id == ref.run_id and number != ref.number and said.row in rows
        if said.waits_for_money
    }
    return dict(Counter(row for row, _ in waits))


def skipped_by(db: MemoryDatabase, run_id: int, reason: str) -> tuple[str, ...]:
    """Name the providers that a run did not ask about some row for this reason."""
    said = (line[2] for line in db.ledger.values() if line[0] == run_id)
    reasons = {(o.provider, o.outcome.reason) for o in said if isinstance(o.outcome, Skipped)}
    return tuple(sorted(provider for provider, why in reasons if why == reason))


def said_of(db: MemoryDatabase, row: int) -> tuple[tuple[int, Response], ...]:
    """Give all that was ever said about a row, newest first, with the run's id."""
    lines = reversed(db.ledger.values())
    return tuple((run, said) for run, _, said in lines if said.row == row)


def _key(ref: BatchRef, said: Response) -> tuple[object, ...]:
    slot = 0 if said.is_final else ref.attempt
    return (ref.run_id, said.row, said.provider, said.input_key, ref.number, slot)
