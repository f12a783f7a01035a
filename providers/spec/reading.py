"""Read replies: from status, headers and body to an outcome, by a provider's file. Pure.

The reasons of outcomes are our own words or the file's, never the provider's: what it sends may
hold a key of ours, or a person's data.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from math import isfinite
from typing import Literal
from urllib.parse import urlsplit

from enrich.domain.outcome import (
    CreditsExhausted,
    Found,
    Gone,
    InvalidInput,
    LegalBlock,
    Malformed,
    NotFound,
    Outcome,
    OutcomeKind,
    Pending,
    RateLimited,
    Unauthorized,
    Unavailable,
)
from enrich.domain.values import Json, JsonObject, Observation
from providers.exchange import NotJsonError, Reply, parse_json
from providers.spec.answers import Confidence, Echo, Extract, Rule
from providers.spec.file import HttpSpec
from providers.spec.moments import RETRY_AFTER, moment_of
from providers.spec.values import Unusable, typed

__all__ = [
    "NOTHING",
    "Answered",
    "Asked",
    "answered",
    "judged",
    "kind_of_status",
    "of_kind",
    "outcome_of",
    "read",
    "token_of",
]

_DAY = timedelta(days=1)
_LONGEST_CREDITS = timedelta(days=62)
_RETRY_S = 60.0
_TOKEN = re.compile(r"[\x21-\x7e]{1,500}")
#: What an answer is that says nothing.
NOTHING: tuple[Json, ...] = (None, [], {}, "")

#: What a status means where the file says nothing. 404 is not among them: it means "no match" with
#: one provider and "no such path" with another, so the file has to say.
_STATUSES: Mapping[int, OutcomeKind] = {
    200: OutcomeKind.FOUND,
    201: OutcomeKind.FOUND,
    202: OutcomeKind.PENDING,
    203: OutcomeKind.FOUND,
    204: OutcomeKind.NOT_FOUND,
    400: OutcomeKind.INVALID_INPUT,
    401: OutcomeKind.UNAUTHORIZED,
    402: OutcomeKind.CREDITS_EXHAUSTED,
    403: OutcomeKind.UNAUTHORIZED,
    408: OutcomeKind.UNAVAILABLE,
    410: OutcomeKind.GONE,
    422: OutcomeKind.INVALID_INPUT,
    425: OutcomeKind.UNAVAILABLE,
    429: OutcomeKind.RATE_LIMITED,
    451: OutcomeKind.LEGAL_BLOCK,
}


@dataclass(frozen=True, slots=True)
class Asked:
    """One question of a call: the row's inputs, and by what its answer is known among many."""

    inputs: JsonObject
    key: str = ""


@dataclass(frozen=True, slots=True)
class Answered:
    """A reply or one entry of it, with its document read; `fault` says why there is none.

    `part` is what of a call it answers: its one question, all of its many, or one of those.
    """

    spec: HttpSpec
    reply: Reply
    status: int
    document: Json = None
    fault: str = ""
    part: Literal["one", "reply", "entry"] = "one"


def kind_of_status(status: int) -> OutcomeKind:
    """Say what a status means where the file says nothing."""
    if 500 <= status <= 599:
        return OutcomeKind.UNAVAILABLE
    return _STATUSES.get(status, OutcomeKind.MALFORMED)


def read(spec: HttpSpec, reply: Reply, asked: Asked) -> Outcome:
    """Read the reply to one question."""
    return outcome_of(answered(spec, reply), asked)


def token_of(extract: Extract, reply: Reply, document: Json) -> str:
    """Take the token of a question that is worked on; empty when there is none to be trusted."""
    said: Json = None
    if extract.header is not None:
        said = reply.headers.get(extract.header.lower())
    if said is None and extract.body is not None:
        said = extract.body.of(document)
    if isinstance(said, bool) or not isinstance(said, str | int):
        return ""
    token = str(said)
    if extract.last_segment:
        token = urlsplit(token).path.rstrip("/").rpartition("/")[2]
    return token if _TOKEN.fullmatch(token) else ""


def answered(spec: HttpSpec, reply: Reply) -> Answered:
    """Read the body, if it is one that can be read."""
    if not reply.body.strip():
        return Answered(spec, reply, reply.status)
    if not _is_json(reply.headers.get("content-type", ""), spec.response.content_types):
        return Answered(spec, reply, reply.status, fault="the answer is not JSON")
    try:
        return Answered(spec, reply, reply.status, parse_json(reply.body))
    except NotJsonError as exc:
        return Answered(spec, reply, reply.status, fault=f"the answer is {exc}")


def _is_json(content_type: str, allowed: Sequence[str]) -> bool:
    bare = content_type.partition(";")[0].strip().lower()
    return not bare or bare in allowed or bare == "application/json" or bare.endswith("+json")


def outcome_of(answer: Answered, asked: Asked) -> Outcome:
    """Say what an answer means for its question."""
    rule, kind = judged(answer)
    if kind is not OutcomeKind.FOUND:
        return of_kind(kind, rule, answer)
    if answer.fault:
        return Malformed(answer.fault)
    return _mapped(answer, asked)


def judged(answer: Answered) -> tuple[Rule | None, OutcomeKind]:
    """Give the kind of an answer, and the rule that says so, if one does."""
    for rule in answer.spec.outcomes:
        if rule.is_of(answer.part, answer.status) and _holds(rule, answer):
            return rule, rule.outcome
    return None, kind_of_status(answer.status)


def _holds(rule: Rule, answer: Answered) -> bool:
    if rule.status and not any(_is_status(each, answer.status) for each in rule.status):
        return False
    if rule.header is not None:
        said = answer.reply.headers.get(rule.header.name.lower())
        wanted = rule.header.equals
        if said is None or (wanted is not None and said.strip().lower() != wanted.lower()):
            return False
    return rule.when is None or rule.when.holds(answer.document)


def _is_status(wanted: int | str, status: int) -> bool:
    return wanted == status if isinstance(wanted, int) else wanted[0] == str(status)[0]


def of_kind(kind: OutcomeKind, rule: Rule | None, answer: Answered) -> Outcome:
    """Build the outcome of a kind, with what the answer says of moments and tokens."""
    reason = (rule.reason if rule else "") or f"status {answer.status}"
    match kind:
        case OutcomeKind.NOT_FOUND:
            return NotFound()
        case OutcomeKind.PENDING:
            return _pending(rule, answer)
        case OutcomeKind.INVALID_INPUT:
            return InvalidInput(reason)
        case OutcomeKind.RATE_LIMITED:
            rules = (*(rule.retry_at if rule else ()), RETRY_AFTER)
            moment = moment_of(rules, answer.reply, answer.document, longest=_DAY)
            wait_s = (rule.retry_s if rule else None) or _RETRY_S
            return RateLimited(moment or answer.reply.at + timedelta(seconds=wait_s))
        case OutcomeKind.CREDITS_EXHAUSTED:
            rules = rule.reset_at if rule else ()
            return CreditsExhausted(
                moment_of(rules, answer.reply, answer.document, longest=_LONGEST_CREDITS)
            )
        case OutcomeKind.UNAUTHORIZED:
            return Unauthorized(reason)
        case OutcomeKind.LEGAL_BLOCK:
            return LegalBlock(reason)
        case OutcomeKind.UNAVAILABLE:
            return Unavailable(reason)
        case OutcomeKind.GONE:
            return Gone(answer.spec.successor)
        case _:
            return Malformed(reason)


def _pending(rule: Rule | None, answer: Answered) -> Outcome:
    deferred, reply = answer.spec.deferred, answer.reply
    if rule is None and deferred is None:
        return Malformed(f"status {answer.status}")
    token = token_of(rule.token, reply, answer.document) if rule and rule.token else ""
    if rule and rule.token and not token:
        return Malformed("no token to ask with")
    rules = (*(rule.retry_at if rule else ()), RETRY_AFTER)
    moment = moment_of(rules, reply, answer.document, longest=_DAY)
    wait_s = (rule.retry_s if rule else None) or (deferred.retry_s if deferred else _RETRY_S)
    return Pending(moment or reply.at + timedelta(seconds=wait_s), token)


def _mapped(answer: Answered, asked: Asked) -> Outcome:
    response = answer.spec.response
    record = answer.document
    if response.record is not None:
        record = response.record.of(record)
    if record in NOTHING:
        return NotFound() if response.empty == "not_found" else Malformed("an empty answer")
    if not isinstance(record, dict | list):
        return Malformed("the answer is no record")
    if any(_is_anothers(echo, record, asked.inputs) for echo in response.echo):
        return Malformed("mismatch", is_hit=True)
    sure = _sureness(response.confidence, record)
    if response.confidence is not None and sure < response.min_confidence:
        return NotFound(is_hit=True)
    return _observed(answer.spec, record, sure)


def _observed(spec: HttpSpec, record: Json, sure: float) -> Outcome:
    observations = {}
    for field, mapped in spec.response.fields.items():
        value = typed(mapped.path.of(record), mapped)
        if value is Unusable.WRONG and mapped.wrong == "malformed":
            return Malformed(f"{field} is of a wrong type", is_hit=True)
        if not isinstance(value, Unusable) and value not in NOTHING:
            own = _sureness(mapped.confidence, record) if mapped.confidence else sure
            confidence = round(mapped.prior * own, 4)
            observations[field] = Observation(value=value, confidence=confidence)
    return Found(observations) if observations else NotFound(is_hit=_says_anything(record))


def _says_anything(record: Json, *, is_named: bool = False) -> bool:
    """Say whether a record holds any value by a name; else it is how a provider says nobody."""
    match record:
        case dict():
            return any(_says_anything(value, is_named=True) for value in record.values())
        case list():
            return any(_says_anything(value, is_named=is_named) for value in record)
        case _:
            return is_named and record not in NOTHING


def _sureness(rule: Confidence | None, record: Json) -> float:
    if rule is None:
        return 1.0
    said = rule.path.of(record)
    if isinstance(said, bool) or not isinstance(said, int | float) or not isfinite(said):
        return rule.missing
    return min(1.0, max(0.0, said / rule.scale))


def _is_anothers(echo: Echo, record: Json, inputs: JsonObject) -> bool:
    asked = inputs.get(echo.input)
    if asked is None:
        return False
    said = echo.path.of(record)
    if said is None:
        return echo.required
    answers = said if isinstance(said, list) else [said]
    return _folded(asked, echo.type) not in {_folded(each, echo.type) for each in answers}


def _folded(value: Json, kind: str) -> str:
    text = unicodedata.normalize("NFKC", str(value)).strip().casefold()
    if kind == "digits":
        return "".join(c for c in text if c.isdecimal())
    if kind == "domain":
        try:
            host = urlsplit(text if "//" in text else f"//{text}").hostname or ""
        except ValueError:
            return text
        return host.removeprefix("www.").rstrip(".")
    return "".join(c for c in text if c.isalnum())
