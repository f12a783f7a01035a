"""Read the reply to many questions in one call. Pure."""

from collections.abc import Sequence

from enrich.domain.outcome import Malformed, NotFound, Outcome, OutcomeKind
from enrich.domain.values import Json
from providers.exchange import Reply
from providers.spec.file import HttpSpec
from providers.spec.model import Bulk
from providers.spec.reading import (
    NOTHING,
    Answered,
    Asked,
    answered,
    judged,
    of_kind,
    outcome_of,
)

__all__ = ["read_bulk"]


def read_bulk(spec: HttpSpec, reply: Reply, asked: Sequence[Asked]) -> list[Outcome]:
    """Read the reply to many questions; give one outcome each, in their order."""
    whole = answered(spec, reply)
    rule, kind = judged(whole)
    if kind is not OutcomeKind.FOUND:
        return [of_kind(kind, rule, whole) for _ in asked]
    bulk = spec.bulk
    entries = bulk.answers.of(whole.document) if bulk and not whole.fault else None
    if bulk is None or not isinstance(entries, list):
        fault = Malformed(whole.fault or "no list of answers")
        return [fault for _ in asked]
    if bulk.match == "position":
        if len(entries) != len(asked):
            return [Malformed("answers do not match questions") for _ in asked]
        return [_entry(spec, reply, entry, one) for entry, one in zip(entries, asked, strict=True)]
    by_key = _by_key(spec, entries)
    return [
        _entry(spec, reply, by_key[each.key.casefold()], each)
        if each.key.casefold() in by_key
        else _left_out(bulk)
        for each in asked
    ]


def _left_out(bulk: Bulk) -> Outcome:
    """Say what it means that a row's answer is not among the others."""
    return NotFound() if bulk.missing == "not_found" else Malformed("left out of the answers")


def _by_key(spec: HttpSpec, entries: list[Json]) -> dict[str, Json]:
    found: dict[str, Json] = {}
    for entry in entries:
        key = spec.bulk.answer_key.of(entry) if spec.bulk and spec.bulk.answer_key else None
        if isinstance(key, str | int) and not isinstance(key, bool):
            found.setdefault(str(key).casefold(), entry)
    return found


def _entry(spec: HttpSpec, reply: Reply, entry: Json, asked: Asked) -> Outcome:
    if entry in NOTHING:
        return NotFound()
    said = spec.bulk.status.of(entry) if spec.bulk and spec.bulk.status else None
    is_status = isinstance(said, int) and not isinstance(said, bool)
    status = said if is_status and isinstance(said, int) else reply.status
    if spec.bulk and spec.bulk.record is not None:
        entry = spec.bulk.record.of(entry)
    return outcome_of(Answered(spec, reply, status, entry), asked)
