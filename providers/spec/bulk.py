"""Read the reply to many questions in one call. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from enrich.domain.outcome import Malformed, NotFound, Outcome, OutcomeKind
from enrich.domain.values import Json
from providers.exchange import Reply
from providers.spec.answers import Rule
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

__all__ = ["entries_by_key", "entries_of", "read_bulk", "rule_of_all", "rules_heard"]


def read_bulk(spec: HttpSpec, reply: Reply, asked: Sequence[Asked]) -> list[Outcome]:
    """Read the reply to many questions; give one outcome each, in their order."""
    whole = _whole(spec, reply)
    rule, kind = judged(whole)
    if kind is not OutcomeKind.FOUND:
        return [of_kind(kind, rule, whole) for _ in asked]
    entries = entries_of(spec, whole.document) if not whole.fault else None
    if spec.bulk is None or entries is None:
        fault = Malformed(whole.fault or "no list of answers")
        return [fault for _ in asked]
    if spec.bulk.match == "position":
        if len(entries) != len(asked):
            return [Malformed("answers do not match questions") for _ in asked]
        return [
            _outcome(spec, reply, entry, one) for entry, one in zip(entries, asked, strict=True)
        ]
    by_key = entries_by_key(spec, entries)
    is_anothers = not any(one.key.casefold() in by_key for one in asked)
    if is_anothers and any(entry not in NOTHING for entry in entries):
        return [Malformed("no answer has a key that was asked") for _ in asked]
    return [
        _outcome(spec, reply, by_key[each.key.casefold()], each)
        if each.key.casefold() in by_key
        else _left_out(spec.bulk)
        for each in asked
    ]


def entries_of(spec: HttpSpec, document: Json) -> list[Json] | None:
    """Give the answers in a reply to many; None when it has no list of them."""
    entries = spec.bulk.answers.of(document) if spec.bulk else None
    return entries if isinstance(entries, list) else None


def entries_by_key(spec: HttpSpec, entries: Sequence[Json]) -> Mapping[str, Json]:
    """Give answers by the keys of their questions, case folded; the first of a key holds."""
    found: dict[str, Json] = {}
    for entry in entries:
        key = spec.bulk.answer_key.of(entry) if spec.bulk and spec.bulk.answer_key else None
        if isinstance(key, str | int) and not isinstance(key, bool):
            found.setdefault(str(key).casefold(), entry)
    return found


def rule_of_all(spec: HttpSpec, reply: Reply) -> Rule | None:
    """Give the rule that speaks of all rows of a reply at once; None where each has its own."""
    rule, kind = judged(_whole(spec, reply))
    return None if kind is OutcomeKind.FOUND else rule


def rules_heard(spec: HttpSpec, reply: Reply) -> Iterator[Rule | None]:
    """Give the rules that speak of a reply to many, or of an entry of it."""
    whole = _whole(spec, reply)
    yield judged(whole)[0]
    for entry in entries_of(spec, whole.document) or ():
        yield judged(_entry(spec, reply, entry))[0]


def _whole(spec: HttpSpec, reply: Reply) -> Answered:
    return replace(answered(spec, reply), part="reply")


def _left_out(bulk: Bulk) -> Outcome:
    """Say what it means that a row's answer is not among the others."""
    return NotFound() if bulk.missing == "not_found" else Malformed("left out of the answers")


def _outcome(spec: HttpSpec, reply: Reply, entry: Json, asked: Asked) -> Outcome:
    return NotFound() if entry in NOTHING else outcome_of(_entry(spec, reply, entry), asked)


def _entry(spec: HttpSpec, reply: Reply, entry: Json) -> Answered:
    said = spec.bulk.status.of(entry) if spec.bulk and spec.bulk.status else None
    is_status = isinstance(said, int) and not isinstance(said, bool)
    status = said if is_status and isinstance(said, int) else reply.status
    if spec.bulk and spec.bulk.record is not None:
        entry = spec.bulk.record.of(entry)
    return Answered(spec, reply, status, entry, part="entry")
