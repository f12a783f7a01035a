"""How a vendor says each outcome: the status, headers and body of its file's own examples. Pure."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from enrich.domain.outcome import Found, InvalidInput, Malformed, NotFound, Outcome, OutcomeKind
from enrich.domain.values import Json, JsonObject, Observation
from providers.simulator.bodies import adapted, document_of, replaced, text_replaced
from providers.spec.answers import Example
from providers.spec.file import HttpSpec
from providers.spec.model import BulkExample
from providers.spec.parts import Moment

__all__ = ["Plan", "charged", "deferral", "example_of", "plan_of", "refusal", "replay", "said"]

_STATUSES: Mapping[OutcomeKind, int] = {
    OutcomeKind.FOUND: 200,
    OutcomeKind.NOT_FOUND: 404,
    OutcomeKind.PENDING: 202,
    OutcomeKind.INVALID_INPUT: 400,
    OutcomeKind.UNAUTHORIZED: 401,
    OutcomeKind.CREDITS_EXHAUSTED: 402,
    OutcomeKind.RATE_LIMITED: 429,
    OutcomeKind.LEGAL_BLOCK: 451,
    OutcomeKind.GONE: 410,
    OutcomeKind.UNAVAILABLE: 503,
}
#: What is charged for by rules that look at the outcome; all others never are.
_CHARGEABLE: Mapping[OutcomeKind, Outcome] = {
    OutcomeKind.FOUND: Found({"company_name": Observation(value="any", confidence=1.0)}),
    OutcomeKind.NOT_FOUND: NotFound(),
    OutcomeKind.INVALID_INPUT: InvalidInput(),
    OutcomeKind.MALFORMED: Malformed(),
}
_JSON = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A reply before it goes out, and what the vendor means by it."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    kind: OutcomeKind = OutcomeKind.FOUND


def charged(spec: HttpSpec, kind: OutcomeKind) -> int:
    """Say what one answer of a kind costs by the vendor's rule, in micro-credits."""
    outcome = _CHARGEABLE.get(kind)
    return spec.provider_spec.cost_of(outcome) if outcome else 0


def example_of(spec: HttpSpec, kind: OutcomeKind) -> Example | None:
    """Give the file's example of an outcome; of several found ones the one that says most."""
    known = [example for example in spec.example if example.outcome is kind]
    if kind is OutcomeKind.FOUND:
        return max(known, key=lambda example: len(example.values or ()), default=None)
    return known[0] if known else None


def replay(example: Example | BulkExample) -> Plan:
    """Give an example's reply as it stands."""
    return Plan(
        status=example.status,
        headers=dict(example.headers),
        body=example.body.encode(),
        kind=example.outcome if isinstance(example, Example) else OutcomeKind.FOUND,
    )


def plan_of(spec: HttpSpec, kind: OutcomeKind) -> Plan:
    """Say an outcome as the file's example does, else with the status of its rule."""
    example = example_of(spec, kind)
    if example is not None:
        return _typed(spec, replay(example))
    rules = [rule for rule in spec.outcomes if rule.outcome is kind and rule.when is None]
    listed = [status for rule in rules for status in rule.status if isinstance(status, int)]
    return Plan(status=listed[0] if listed else _STATUSES.get(kind, 500), kind=kind)


def said(spec: HttpSpec, document: Json, kind: OutcomeKind = OutcomeKind.FOUND) -> Plan:
    """Say a document in the words of the file's example of an outcome."""
    plan = plan_of(spec, kind)
    return _typed(spec, replace(plan, body=json.dumps(document).encode()))


def refusal(spec: HttpSpec, kind: OutcomeKind, *, at: datetime, wait_s: float) -> Plan:
    """Say that it is enough for now, and when it no longer is, where the vendor says that."""
    plan, until = plan_of(spec, kind), at + timedelta(seconds=wait_s)
    rule = next((rule for rule in spec.outcomes if rule.outcome is kind), None)
    moments = (*(rule.retry_at if rule else ()), *(rule.reset_at if rule else ()))
    for moment in moments:
        plan = _stamped(plan, moment, until, wait_s)
    headers = dict(plan.headers)
    says_when = {name.lower() for name in headers} & {"retry-after"}
    if says_when or (kind is OutcomeKind.RATE_LIMITED and not moments):
        headers = {name: v for name, v in headers.items() if name.lower() != "retry-after"}
        headers["Retry-After"] = str(int(wait_s) + 1)
    return replace(plan, headers=headers)


def deferral(spec: HttpSpec, token: str, inputs: JsonObject) -> Plan | None:
    """Say that a question is worked on, by its token; None when the vendor never does."""
    example = example_of(spec, OutcomeKind.PENDING)
    rule = next((r for r in spec.outcomes if r.outcome is OutcomeKind.PENDING and r.token), None)
    if spec.deferred is None or example is None or rule is None or rule.token is None:
        return None
    header = (rule.token.header or "").lower()
    old: Json = next((v for name, v in example.headers.items() if name.lower() == header), None)
    if old is None and rule.token.body is not None:
        old = rule.token.body.of(document_of(example))
    if old is None:
        return None
    last = str(old).rstrip("/").rpartition("/")[2] if rule.token.last_segment else str(old)
    swap = {last.casefold(): token}
    headers = {name: text_replaced(value, swap) for name, value in example.headers.items()}
    document = replaced(adapted(spec, example, inputs), [(old, text_replaced(str(old), swap))])
    plan = said(spec, document, OutcomeKind.PENDING)
    return replace(plan, headers={**plan.headers, **headers})


def _stamped(plan: Plan, moment: Moment, until: datetime, wait_s: float) -> Plan:
    """Put a moment where the vendor writes it."""
    text = _FORMS[moment.form](until, wait_s)
    if moment.header is not None:
        headers = {n: v for n, v in plan.headers.items() if n.lower() != moment.header.lower()}
        old = next((v for n, v in plan.headers.items() if n not in headers), "")
        if moment.path is not None:
            document = _parsed(old)
            text = json.dumps(replaced(document, [(moment.path.of(document), text)]))
        return (
            replace(plan, headers={**headers, moment.header: text})
            if old or not moment.path
            else plan
        )
    if moment.body is not None:
        document = _parsed(plan.body.decode())
        old_value = moment.body.of(document)
        if old_value is not None:
            swapped = replaced(document, [(old_value, text)])
            return replace(plan, body=json.dumps(swapped).encode())
    return plan


def _parsed(text: str) -> Json:
    try:
        document: Json = json.loads(text)
    except ValueError:
        return None
    return document


def _seconds(_until: datetime, wait_s: float) -> str:
    return str(int(wait_s) + 1)


_FORMS: Mapping[str, Callable[[datetime, float], str]] = {
    "retry_after": _seconds,
    "seconds": _seconds,
    "milliseconds": lambda _, wait_s: str((int(wait_s) + 1) * 1000),
    "epoch_s": lambda until, _: str(int(until.timestamp()) + 1),
    "epoch_ms": lambda until, _: str(int(until.timestamp() * 1000) + 1),
    "iso": lambda until, _: until.isoformat(),
}


def _typed(spec: HttpSpec, plan: Plan) -> Plan:
    """Say of what type a body of JSON is, where the example does not."""
    names = {name.lower() for name in plan.headers}
    if "content-type" in names or not plan.body.lstrip().startswith((b"{", b"[")):
        return plan
    own: Sequence[str] = spec.response.content_types
    return replace(plan, headers={**plan.headers, "Content-Type": own[0] if own else _JSON})
