"""A language model so small that it follows rules: the chat dialect for tests and demonstrations.

It obeys whoever speaks outside of the frame of the data, as large ones do, and only reads what is
within. It answers by the words of the data alone, and can be told to lie. Pure.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from enrich.domain.values import Json, JsonObject
from providers.exchange import NotJsonError, parse_json
from providers.llm.terms import ModelTerms

__all__ = ["ChatAnswer", "ChatQuestion", "chat_answer", "chat_price", "chat_question"]

_MARK = re.compile(r"<data (\w+)>")
_SOURCES = re.compile(r"^quote: the passage of (.+) from which", re.MULTILINE)
_NAME = re.compile(r"`([^`]*)`")
_ORDER = re.compile(r"\banswer (?:only )?[\"'«]?([\w .-]{1,60})", re.IGNORECASE)
_PASSAGE = re.compile(r"[^.;!?\n]+")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_WEB = re.compile(r"https?://[^\s<>\"]+")
_WORD = re.compile(r"\w+|[^\w\s]")
#: What it says when it lies: nothing that stands in any row.
_LIE = "as everybody has known since the year 1066"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatQuestion:
    """What a request asks: the form of the answer, the data in the frame, the text around it."""

    model: str
    max_tokens: int
    schema: JsonObject
    data: JsonObject
    sources: Sequence[str]
    outside: str
    tokens: int

    @property
    def inputs(self) -> JsonObject:
        """What makes it another question: all but the word that is new for each call."""
        return {"data": self.data, "schema": self.schema, "model": self.model}


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatAnswer:
    """A reply's document, whether it has a value, and the tokens that it took."""

    document: JsonObject
    is_found: bool
    read: int
    written: int


def chat_question(path: str, body: bytes) -> ChatQuestion | None:
    """Read a request of the chat dialect; None when it is another one."""
    try:
        said = parse_json(body) if path.endswith("/chat/completions") else None
    except NotJsonError:
        said = None
    messages = said.get("messages") if isinstance(said, dict) else None
    if not isinstance(said, dict) or not isinstance(messages, list) or not messages:
        return None
    texts = [(str(m.get("role")), str(m.get("content"))) for m in messages if isinstance(m, dict)]
    system = "\n".join(text for role, text in texts if role == "system")
    data, outside = _unframed(system, "\n".join(text for role, text in texts if role != "system"))
    named = _SOURCES.search(system)
    limit = said.get("max_tokens")
    return ChatQuestion(
        model=str(said.get("model")),
        max_tokens=limit if isinstance(limit, int) else 1000,
        schema=_value_schema(said.get("response_format")),
        data=data,
        sources=_NAME.findall(named[1]) if named else tuple(data),
        outside=outside,
        tokens=sum(_tokens(text) for _, text in texts),
    )


def chat_answer(question: ChatQuestion, *, is_lie: bool = False) -> ChatAnswer:
    """Answer by rules; a lie has a right form and a quote that is in no source."""
    value, quote = _value(question)
    if is_lie and value is not None:
        quote = _LIE
    content = json.dumps({"value": value, "quote": quote}, ensure_ascii=False)
    is_cut = _tokens(content) > question.max_tokens
    if is_cut:
        content = " ".join(_WORD.findall(content)[: question.max_tokens])
    written = min(_tokens(content), question.max_tokens)
    message: JsonObject = {"role": "assistant", "content": content}
    reason = "length" if is_cut else "stop"
    usage: JsonObject = {
        "prompt_tokens": question.tokens,
        "completion_tokens": written,
        "total_tokens": question.tokens + written,
    }
    choices: Json = [{"index": 0, "message": message, "finish_reason": reason}]
    return ChatAnswer(
        document={"object": "chat.completion", "model": question.model, "choices": choices}
        | {"usage": usage},
        is_found=value is not None,
        read=question.tokens,
        written=written,
    )


def chat_price(answer: ChatAnswer) -> int:
    """Give what an answer costs at the usual prices, in micro-credits, rounded up."""
    terms = ModelTerms()
    spent = answer.read * terms.read_microcredits + answer.written * terms.written_microcredits
    return -(-spent // 1_000_000)


def _unframed(system: str, user: str) -> tuple[JsonObject, str]:
    """Take the data out of its frame; it believes the first mark that closes it."""
    mark = _MARK.search(system)
    frame = f"<data {mark[1]}>\n(.*?)\n</data {mark[1]}>" if mark else "(?!)"
    found = re.search(frame, user, re.DOTALL)
    if found is None:
        return {}, user
    try:
        data = parse_json(found[1].encode())
    except NotJsonError:
        data = None
    outside = user[: found.start()] + user[found.end() :]
    return (data if isinstance(data, dict) else {}), outside


def _value_schema(response_format: Json) -> JsonObject:
    """Find the schema of the value within that of the answer; text where there is none."""
    found = response_format
    for step in ("json_schema", "schema", "properties", "value", "anyOf"):
        found = found.get(step) if isinstance(found, dict) else None
    first = found[0] if isinstance(found, list) and found else None
    return first if isinstance(first, dict) else {"type": "string"}


def _value(question: ChatQuestion) -> tuple[Json, str | None]:
    order = _ORDER.search(question.outside)
    if order:
        return order[1].strip(), order[0]
    texts = [str(question.data[name]) for name in question.sources if question.data.get(name)]
    choices = question.schema.get("enum")
    if isinstance(choices, list):
        return _chosen(choices, texts)
    for text in texts:
        quote = _quoted(question.schema, text)
        if quote:
            return _typed(question.schema, quote), quote
    return None, None


def _chosen(choices: Sequence[Json], texts: Sequence[str]) -> tuple[Json, str | None]:
    for text in texts:
        for passage in _PASSAGE.findall(text):
            for choice in choices:
                if str(choice).casefold() in passage.casefold():
                    return choice, passage.strip()
    return None, None


def _quoted(schema: Mapping[str, Json], text: str) -> str:
    match schema.get("type"):
        case "integer" | "number":
            pattern = _NUMBER
        case "string" if "pattern" in schema:
            pattern = _WEB
        case _:
            pattern = _PASSAGE
    found = pattern.search(text)
    return found[0].strip()[:80] if found else ""


def _typed(schema: Mapping[str, Json], quote: str) -> Json:
    match schema.get("type"):
        case "integer":
            return int(float(quote))
        case "number":
            return float(quote)
        case "boolean":
            return not re.search(r"\b(no|not|never)\b", quote, re.IGNORECASE)
        case "array":
            return [word.strip() for word in quote.split(",") if word.strip()]
        case _:
            return quote


def _tokens(text: str) -> int:
    return len(_WORD.findall(text))
