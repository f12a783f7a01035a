"""Try a file's own examples: each reply must become what the file says."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from enrich.domain.outcome import CreditsExhausted, Outcome, OutcomeKind, retry_at_of, told_of
from enrich.errors import BadFileError
from providers.exchange import Reply
from providers.spec.answers import Example
from providers.spec.asking import request_for
from providers.spec.bulk import rules_heard
from providers.spec.checking_many import (
    doubts_of_many,
    lacks_many,
    problem_of_many,
    reply_to_many,
)
from providers.spec.file import HttpSpec
from providers.spec.likeness import differs
from providers.spec.lines import line_of
from providers.spec.loading import load
from providers.spec.reading import Asked, answered, judged, read
from providers.spec.template import BadValueError

__all__ = ["check", "doubts", "problem_of", "reply_of", "without_example"]

_AT = datetime(2026, 1, 1, tzinfo=UTC)


def check(path: Path) -> tuple[BadFileError, ...]:
    """Give all that is wrong with a file, each with its line: its words, or its examples.

    An outcome that the file speaks of needs an example too: what is not shown is not tested.
    """
    try:
        spec = load(path)
    except BadFileError as exc:
        return (exc,)
    text = path.read_text("utf-8")
    faults = [
        BadFileError(str(path), problem, line=line_of(text, ("example", number)))
        for number, example in enumerate(spec.example)
        if (problem := problem_of(spec, example))
    ]
    many = spec.bulk.example if spec.bulk else ()
    faults += [
        BadFileError(str(path), problem, line=line_of(text, ("bulk", "example", number)))
        for number, example in enumerate(many)
        if (problem := problem_of_many(spec, example, at=_AT))
    ]
    return (*faults, *_not_shown(spec, path, text))


def _not_shown(spec: HttpSpec, path: Path, text: str) -> Iterator[BadFileError]:
    for kind in without_example(spec):
        numbers = [number for number, rule in enumerate(spec.outcomes) if rule.outcome is kind]
        line = line_of(text, ("outcomes", numbers[0])) if numbers else _last_line(text)
        said = f"no [[example]] of {kind.value}"
        yield BadFileError(str(path), said, line=line, hint="add such a reply, with what it means")
    if lacking := lacks_many(spec):
        hint = "add one with `rows`: two that are found, one that is not, in another order"
        yield BadFileError(str(path), lacking, line=line_of(text, ("bulk",)), hint=hint)


def _last_line(text: str) -> int:
    return max(1, len(text.rstrip().splitlines()))


def without_example(spec: HttpSpec) -> tuple[OutcomeKind, ...]:
    """Name the outcomes that the file speaks of and shows no reply for."""
    spoken = {rule.outcome for rule in spec.outcomes}
    needed = spoken | {OutcomeKind.FOUND, OutcomeKind.NOT_FOUND, OutcomeKind.UNAVAILABLE}
    shown = {example.outcome for example in spec.example}
    return tuple(sorted(needed - shown))


def reply_of(example: Example, *, at: datetime = _AT) -> Reply:
    """Give an example's reply as it would come."""
    headers = {name.lower(): value for name, value in example.headers.items()}
    return Reply(status=example.status, headers=headers, body=example.body.encode(), at=at)


def problem_of(spec: HttpSpec, example: Example) -> str:
    """Say what is wrong with an example; empty when it becomes what it should."""
    try:
        call = request_for(spec, example.inputs) if spec.request else None
    except BadValueError as exc:
        return f"{example.name}: {exc}"
    if call and example.sends not in {None, f"{call.method} {call.url}"}:
        return f"{example.name}: sends {call.method} {call.url}, not {example.sends}"
    outcome = read(spec, reply_of(example), Asked(example.inputs))
    if outcome.kind is not example.outcome:
        return f"{example.name}: is {told_of(outcome)}"
    different = _waits_otherwise(example, outcome) or differs(example, outcome)
    return f"{example.name}: {different}" if different else ""


def doubts(spec: HttpSpec) -> tuple[str, ...]:
    """Name what no example shows to work: rules that speak of none, and headers that none has."""
    many = spec.bulk.example if spec.bulk else ()
    heard = {id(judged(answered(spec, reply_of(example)))[0]) for example in spec.example}
    heard |= {id(r) for each in many for r in rules_heard(spec, reply_to_many(each, at=_AT))}
    sent = {name.lower() for reply in spec.replies for name in reply.headers}
    silent = [
        f"outcomes[{number}] ({rule.outcome}) is the first rule to hold for no [[example]]: "
        "add one that it is for, or correct its test"
        for number, rule in enumerate(spec.outcomes)
        if id(rule) not in heard
    ]
    unseen = [
        f"outcomes[{number}] ({rule.outcome}) reads the header {moment.header!r}, "
        "which no [[example]] has: is it spelt right?"
        for number, rule in enumerate(spec.outcomes)
        for moment in (*rule.retry_at, *rule.reset_at)
        if moment.header is not None and moment.header.lower() not in sent
    ]
    return (*silent, *unseen, *doubts_of_many(spec, at=_AT))


def _waits_otherwise(example: Example, outcome: Outcome) -> str:
    moment = outcome.reset_at if isinstance(outcome, CreditsExhausted) else retry_at_of(outcome)
    wait_s = (moment - _AT).total_seconds() if moment else None
    if example.retry_s is None or wait_s == example.retry_s:
        return ""
    wants = "at no known moment" if wait_s is None else f"in {wait_s:g} s"
    return f"wants to be asked again {wants}, not in {example.retry_s:g} s"
