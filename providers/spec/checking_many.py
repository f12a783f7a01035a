"""Try a file's examples of replies to many rows: each row must get what the file says."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from enrich.domain.outcome import OutcomeKind, told_of
from enrich.domain.values import Json
from providers.exchange import Reply
from providers.spec.asking import bulk_call, key_of
from providers.spec.bulk import entries_by_key, entries_of, read_bulk, rule_of_all
from providers.spec.file import HttpSpec
from providers.spec.likeness import differs
from providers.spec.model import BulkExample, BulkRow
from providers.spec.reading import Asked, answered
from providers.spec.template import BadValueError

__all__ = ["asked_in", "doubts_of_many", "lacks_many", "problem_of_many", "reply_to_many"]


def reply_to_many(example: BulkExample, *, at: datetime) -> Reply:
    """Give an example's reply as it would come."""
    headers = {name.lower(): value for name, value in example.headers.items()}
    return Reply(status=example.status, headers=headers, body=example.body.encode(), at=at)


def asked_in(spec: HttpSpec, example: BulkExample) -> list[Asked]:
    """Give the questions of an example. Raises `BadValueError`."""
    return [
        Asked(row.inputs, key_of(spec, row.inputs, place)) for place, row in enumerate(example.rows)
    ]


def lacks_many(spec: HttpSpec) -> str:
    """Say what no example of a [bulk] shows; empty when one does, or there is no [bulk]."""
    if spec.bulk is None:
        return ""
    if not spec.bulk.example:
        return "no [[bulk.example]] shows a reply to several rows"
    if not any(_tells_apart(example.rows) for example in spec.bulk.example):
        return "no [[bulk.example]] has two rows that are found with other values each"
    return ""


def problem_of_many(spec: HttpSpec, example: BulkExample, *, at: datetime) -> str:
    """Say what is wrong with an example; empty when every row gets what it should."""
    try:
        asked = asked_in(spec, example)
        call = bulk_call(spec, asked)
    except BadValueError as exc:
        return f"{example.name}: {exc}"
    if example.sends not in {None, f"{call.method} {call.url}"}:
        return f"{example.name}: sends {call.method} {call.url}, not {example.sends}"
    reply = reply_to_many(example, at=at)
    for place, outcome in enumerate(read_bulk(spec, reply, asked)):
        row, name = example.rows[place], f"{example.name}: rows[{place}]"
        if outcome.kind is not row.outcome:
            why = _of_all(spec, reply)
            return f"{name} is {f'{outcome.kind.value} {why}' if why else told_of(outcome)}"
        if different := differs(row, outcome):
            return f"{name} {different}"
    return ""


def doubts_of_many(spec: HttpSpec, *, at: datetime) -> Iterator[str]:
    """Name what no example of a [bulk] shows to work."""
    bulk = spec.bulk
    if bulk is None or not bulk.example:
        return
    rows = [row for example in bulk.example for row in example.rows]
    if all(row.outcome is OutcomeKind.FOUND for row in rows):
        yield "no [[bulk.example]] has a row that is not found: is it left out, null, or a word?"
    replies = [(example, reply_to_many(example, at=at)) for example in bulk.example]
    documents = [(example, answered(spec, reply).document) for example, reply in replies]
    if bulk.match == "key" and all(_is_in_order(spec, *each) for each in documents):
        yield "no [[bulk.example]] answers in another order than was asked in"
    for number, rule in enumerate(spec.outcomes):
        holds = rule.when is not None and any(rule.when.holds(said) for _, said in documents)
        if holds and rule.scope is None and not rule.is_of("reply", 200):
            yield (
                f"outcomes[{number}] ({rule.outcome}): its `when` holds for a whole [bulk] reply "
                "too, and is asked of each entry alone; scope = 'entry' says that this is meant"
            )


def _of_all(spec: HttpSpec, reply: Reply) -> str:
    rule = rule_of_all(spec, reply)
    if rule is None or rule.when is None:
        return ""
    number = next(n for n, each in enumerate(spec.outcomes) if each is rule)
    return f"(outcomes[{number}] speaks of the whole reply; of each entry alone: scope = 'entry')"


def _tells_apart(rows: tuple[BulkRow, ...]) -> bool:
    found = [row.values for row in rows if row.outcome is OutcomeKind.FOUND]
    known: list[Mapping[str, object]] = [values for values in found if values]
    return any(values != known[0] for values in known)


def _is_in_order(spec: HttpSpec, example: BulkExample, document: Json) -> bool:
    entries = entries_of(spec, document) or []
    keys = [each.key.casefold() for each in asked_in(spec, example)]
    places = [keys.index(key) for key in entries_by_key(spec, entries) if key in keys]
    return places == sorted(places)
