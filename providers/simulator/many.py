"""Answer many questions in one reply, as a file's [bulk] says that its vendor does. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from enrich.domain.outcome import OutcomeKind
from enrich.domain.values import Json, JsonObject
from providers.simulator.asked import Question, asking_of, incoming_of
from providers.simulator.bodies import adapted, document_of
from providers.spec.answers import Example
from providers.spec.asking import bulk_call
from providers.spec.bulk import entries_by_key, entries_of
from providers.spec.checking_many import asked_in
from providers.spec.file import HttpSpec
from providers.spec.model import Bulk, BulkExample
from providers.spec.parts import Expression
from providers.spec.reading import Asked

__all__ = ["Among", "can_answer_many", "entry_of", "keyed", "shown_among", "whole_of"]

#: Places that can be written to: names with dots between, all of it, or the entries of a list.
_PLACE = re.compile(r'@|("[^"]+"|[A-Za-z_]\w*)(\.("[^"]+"|[A-Za-z_]\w*))*')
_STEP = re.compile(r'"([^"]+)"|([A-Za-z_]\w*)')


@dataclass(frozen=True, slots=True)
class Among:
    """What an example says of one row among others: its entry, None where it is left out."""

    entry: Json
    kind: OutcomeKind


def shown_among(spec: HttpSpec) -> Mapping[str, Among]:
    """Give what the examples of [bulk] say, by what a row asks: each row has its own answer."""
    out: dict[str, Among] = {}
    for example in spec.bulk.example if spec.bulk else ():
        asked = asked_in(spec, example)
        asking = asking_of(spec, incoming_of(bulk_call(spec, asked, base_url="http://vendor")))
        digests = [each.digest for each in asking.questions] if asking else []
        for digest, entry, row in zip(
            digests, _entries(spec, example, asked), example.rows, strict=False
        ):
            out.setdefault(digest, Among(entry, row.outcome))
    return out


def _entries(spec: HttpSpec, example: BulkExample, asked: Sequence[Asked]) -> Sequence[Json]:
    entries = entries_of(spec, document_of(example)) or []
    if spec.bulk and spec.bulk.match == "position":
        return entries
    by_key = entries_by_key(spec, entries)
    return [by_key.get(each.key.casefold()) for each in asked]


def can_answer_many(spec: HttpSpec) -> bool:
    """Say whether the file's expressions are places that an answer can be written to."""
    bulk = spec.bulk
    if bulk is None:
        return False
    places = (bulk.answers, bulk.answer_key, bulk.status, bulk.record)
    return all(_steps(place) is not None for place in places if place is not None)


def entry_of(spec: HttpSpec, bulk: Bulk, example: Example, question: Question) -> Json:
    """Give the entry about one row that is known."""
    entry = adapted(spec, example, question.inputs)
    listed = _listed(bulk, entry)
    if listed:
        entry = listed[0]
    elif bulk.record is not None:
        entry = _put(None, bulk.record, entry)
    entry = keyed(bulk, entry, question)
    return _put(entry, bulk.status, example.status) if bulk.status is not None else entry


def keyed(bulk: Bulk, entry: Json, question: Question) -> Json:
    """Let an entry say whose it is, where it is matched by that; one that is none stays none."""
    if entry is None or bulk.answer_key is None or bulk.match != "key":
        return entry
    return _put(entry, bulk.answer_key, question.key)


def whole_of(bulk: Bulk, example: Example, entries: "Sequence[Json | None]") -> Json:
    """Give the document with these entries; a row that is unknown is left out, or null by place."""
    kept = [each for each in entries if each is not None or bulk.match == "position"]
    document = document_of(example)
    return _put(document if _listed(bulk, document) else None, bulk.answers, kept)


def _listed(bulk: Bulk, document: Json) -> list[Json]:
    """Give the entries of an example that is a reply to many; none when it is one to one."""
    entries = bulk.answers.of(document)
    return entries if isinstance(entries, list) else []


def _steps(place: Expression) -> list[str] | None:
    source = re.sub(r"\[\*?\]$", "", place.source.strip()) or "@"
    if not _PLACE.fullmatch(source):
        return None
    return [] if source == "@" else [quoted or bare for quoted, bare in _STEP.findall(source)]


def _put(document: Json, place: Expression, value: Json) -> Json:
    return _written(document, _steps(place) or [], value)


def _written(document: Json, steps: Sequence[str], value: Json) -> Json:
    if not steps:
        return value
    outer: JsonObject = dict(document) if isinstance(document, dict) else {}
    outer[steps[0]] = _written(outer.get(steps[0]), steps[1:], value)
    return outer
