"""Answer many questions in one reply, as a file's [bulk] says that its vendor does. Pure."""

import re
from collections.abc import Sequence

from enrich.domain.values import Json, JsonObject
from providers.simulator.asked import Question
from providers.simulator.bodies import adapted, document_of
from providers.spec.answers import Example
from providers.spec.file import HttpSpec
from providers.spec.model import Bulk
from providers.spec.parts import Expression

__all__ = ["can_answer_many", "entry_of", "whole_of"]

#: Places that can be written to: names with dots between, all of it, or the entries of a list.
_PLACE = re.compile(r'@|("[^"]+"|[A-Za-z_]\w*)(\.("[^"]+"|[A-Za-z_]\w*))*')
_STEP = re.compile(r'"([^"]+)"|([A-Za-z_]\w*)')


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
    if bulk.answer_key is not None and bulk.match == "key":
        entry = _put(entry, bulk.answer_key, question.key)
    return _put(entry, bulk.status, example.status) if bulk.status is not None else entry


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
