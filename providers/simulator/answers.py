"""What a vendor knows: replies to the questions of one request, honest or with a lie. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from enrich.domain.outcome import OutcomeKind
from enrich.domain.values import Json
from providers.simulator.asked import Asking, Question, asking_of, incoming_of
from providers.simulator.behaviour import Behaviour
from providers.simulator.bodies import adapted, document_of, lied
from providers.simulator.chat import ChatQuestion, chat_answer, chat_price
from providers.simulator.dialect import Plan, example_of, plan_of, replay, said
from providers.simulator.many import Among, entry_of, keyed, whole_of
from providers.simulator.schedule import is_known, left_out, order
from providers.spec.answers import Example
from providers.spec.asking import request_for
from providers.spec.file import HttpSpec
from providers.spec.model import Bulk
from providers.spec.template import BadValueError

__all__ = ["Told", "answered", "answered_many", "shown_by"]

_ABOUT_ROWS = frozenset({OutcomeKind.FOUND, OutcomeKind.NOT_FOUND, OutcomeKind.INVALID_INPUT})


@dataclass(frozen=True, slots=True)
class Told:
    """A reply, the questions that it is about, and what it says of each.

    `microcredits` is what it costs where that hangs on the reply's length.
    """

    plan: Plan
    questions: Sequence[Question] = ()
    kinds: Sequence[OutcomeKind] = field(default=())
    microcredits: int | None = None


def shown_by(spec: HttpSpec) -> Mapping[str, Example]:
    """Give the file's examples about rows by what they ask: the first of each question speaks."""
    out: dict[str, Example] = {}
    for example in spec.example:
        question = _question(spec, example) if example.outcome in _ABOUT_ROWS else None
        if question is not None:
            out.setdefault(question.digest, example)
    return out


def answered(
    spec: HttpSpec,
    behaviour: Behaviour,
    shown: Mapping[str, Example],
    asking: Asking,
    *,
    is_lie: bool,
) -> Told:
    """Answer from the file's examples: as shown for a question of theirs, adapted for another."""
    if asking.chat:
        return _chatted(spec, asking.chat, asking.questions, is_lie=is_lie)
    question = asking.questions[0]
    example = shown.get(question.digest)
    if example is not None and example.outcome is not OutcomeKind.FOUND:
        return Told(replay(example), asking.questions, (example.outcome,))
    said_of_it = document_of(example) if example is not None else None
    example = example or example_of(spec, OutcomeKind.FOUND)
    if example is None or not is_known(behaviour, spec.name, question.digest):
        return Told(_nothing(spec, question), asking.questions, (OutcomeKind.NOT_FOUND,))
    document = said_of_it or adapted(spec, example, question.inputs)
    if is_lie:
        document = lied(spec, document, question.inputs)
    return Told(said(spec, document), asking.questions, (OutcomeKind.FOUND,))


def _chatted(
    spec: HttpSpec, chat: ChatQuestion, questions: Sequence[Question], *, is_lie: bool
) -> Told:
    answer = chat_answer(chat, is_lie=is_lie)
    kind = OutcomeKind.FOUND if answer.is_found else OutcomeKind.NOT_FOUND
    plan = replace(said(spec, answer.document), kind=kind)
    return Told(plan, questions, (kind,), microcredits=chat_price(answer))


def _nothing(spec: HttpSpec, question: Question) -> Plan:
    """Say that a row is unknown; some vendors repeat even then what they were asked."""
    example = example_of(spec, OutcomeKind.NOT_FOUND)
    document = adapted(spec, example, question.inputs) if example else None
    if document is None:
        return plan_of(spec, OutcomeKind.NOT_FOUND)
    return said(spec, document, OutcomeKind.NOT_FOUND)


def answered_many(
    spec: HttpSpec,
    behaviour: Behaviour,
    shown: Mapping[str, Among],
    questions: Sequence[Question],
) -> Told:
    """Answer many questions: rows of the file's examples as shown, others by its found one."""
    bulk, example = spec.bulk, example_of(spec, OutcomeKind.FOUND)
    if bulk is None or example is None:
        return Told(Plan(status=501, kind=OutcomeKind.MALFORMED), questions)
    gone = left_out(behaviour, spec.name, [each.digest for each in questions])
    known = [is_known(behaviour, spec.name, each.digest) for each in questions]
    said_of = [
        shown.get(each.digest) if is_there else None
        for each, is_there in zip(questions, known, strict=True)
    ]
    entries = [
        None
        if place in gone
        else keyed(bulk, own.entry, each)
        if (own := said_of[place]) is not None
        else _entry(spec, bulk, each, example if known[place] else None)
        for place, each in enumerate(questions)
    ]
    if bulk.match == "key":
        there = [entry for entry in entries if entry is not None]
        entries = [there[place] for place in order(behaviour, spec.name, len(there))]
    absent = OutcomeKind.MALFORMED if bulk.missing == "malformed" else OutcomeKind.NOT_FOUND
    kinds = [
        absent
        if place in gone
        else own.kind
        if own is not None
        else OutcomeKind.FOUND
        if known[place]
        else OutcomeKind.NOT_FOUND
        for place, own in enumerate(said_of)
    ]
    return Told(said(spec, whole_of(bulk, example, entries)), questions, kinds)


def _entry(spec: HttpSpec, bulk: Bulk, question: Question, example: Example | None) -> Json:
    """Give the entry about one row; of one that is unknown, only where each has its own."""
    if example is None and bulk.missing == "malformed":
        example = example_of(spec, OutcomeKind.NOT_FOUND)
    return entry_of(spec, bulk, example, question) if example else None


def _question(spec: HttpSpec, example: Example) -> Question | None:
    if not spec.request:
        return None
    try:
        call = request_for(spec, example.inputs, base_url="http://vendor")
    except BadValueError:
        return None
    asking = asking_of(spec, incoming_of(call))
    return asking.questions[0] if asking and len(asking.questions) == 1 else None
