"""Try a file's own examples: each reply must become what the file says."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from enrich.domain.outcome import CreditsExhausted, Found, Outcome, OutcomeKind, retry_at_of
from enrich.domain.values import Json
from enrich.errors import BadFileError
from providers.exchange import Reply
from providers.spec.answers import Example
from providers.spec.asking import request_for
from providers.spec.file import HttpSpec
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
    lacking = without_example(spec)
    if lacking:
        said = f"no [[example]] of {', '.join(kind.value for kind in lacking)}"
        faults.append(BadFileError(str(path), said, hint="add a reply of each, with what it means"))
    return tuple(faults)


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
        return f"{example.name}: is {outcome.kind.value} {_reason(outcome)}".rstrip()
    return _waits_otherwise(example, outcome) or _differs(example, outcome)


def doubts(spec: HttpSpec) -> tuple[str, ...]:
    """Name what no example shows to work: rules that speak of none, and headers that none has."""
    heard = {id(judged(answered(spec, reply_of(example)))[0]) for example in spec.example}
    sent = {name.lower() for example in spec.example for name in example.headers}
    silent = [
        f"outcomes[{number}] ({rule.outcome}) speaks of no [[example]]: is its test right?"
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
    return (*silent, *unseen)


def _waits_otherwise(example: Example, outcome: Outcome) -> str:
    moment = outcome.reset_at if isinstance(outcome, CreditsExhausted) else retry_at_of(outcome)
    wait_s = (moment - _AT).total_seconds() if moment else None
    if example.retry_s is None or wait_s == example.retry_s:
        return ""
    wants = "at no known moment" if wait_s is None else f"in {wait_s:g} s"
    return f"{example.name}: wants to be asked again {wants}, not in {example.retry_s:g} s"


def _reason(outcome: Outcome) -> str:
    reason = getattr(outcome, "reason", "")
    return f"({reason})" if reason else ""


def _differs(example: Example, outcome: Outcome) -> str:
    seen = outcome.observations if isinstance(outcome, Found) else {}
    values: Mapping[str, Json] = {name: one.value for name, one in seen.items()}
    sure = {name: seen[name].confidence for name in example.confidence or {} if name in seen}
    if example.values is not None and values != example.values:
        return f"{example.name}: reads {values}, not {example.values}"
    if example.confidence is not None and sure != example.confidence:
        return f"{example.name}: is as sure as {sure}, not {example.confidence}"
    return ""
