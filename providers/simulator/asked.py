"""From a request back to its questions: a file's templates read the other way round. Pure."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from enrich.domain.values import Json, JsonObject
from providers.exchange import HttpCall, NotJsonError, parse_json
from providers.simulator.chat import ChatQuestion, chat_question
from providers.spec.file import HttpSpec
from providers.spec.model import Bulk, Request
from providers.spec.template import Hole, JsonTemplate, Template, names_of, plain

__all__ = ["Asking", "Incoming", "Question", "asking_of", "incoming_of"]

#: What these make of a value cannot be undone.
_LOSSY = frozenset({"md5", "sha256", "first_word", "last_word"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """A request as it arrived: path still escaped, names of headers in small letters."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    peer: str = "127.0.0.1"

    def target(self, *, without: str) -> str:
        """Give path and query without one parameter: the key may be there."""
        query = {name: text for name, text in self.query.items() if name != without}
        return self.path + (f"?{urlencode(query)}" if query else "")


@dataclass(frozen=True, slots=True)
class Question:
    """One row's question: its inputs as far as they can be read, and its answer's key.

    An input that only came hashed or cut stands under its name and filter, as `email|sha256`.
    """

    inputs: JsonObject
    key: str = ""

    @property
    def digest(self) -> str:
        """Name the question: equal for equal inputs, whatever their case."""
        said = json.dumps(self.inputs, sort_keys=True).casefold()
        return hashlib.sha256(said.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Asking:
    """The questions of one request; `token` when it asks how one stands, `chat` in that dialect.

    `callback` is the address that it wants the answer sent to.
    """

    questions: Sequence[Question] = ()
    is_bulk: bool = False
    token: str = ""
    chat: ChatQuestion | None = None
    callback: str = ""


def incoming_of(call: HttpCall) -> Incoming:
    """Give a call as it would arrive, below the base URL `http://vendor`."""
    parts = urlsplit(call.url)
    query = dict(parse_qsl(parts.query, keep_blank_values=True)) | dict(call.secret_query)
    headers = {**call.headers, **call.secret_headers}
    return Incoming(
        method=call.method,
        path=parts.path,
        query=query,
        headers={name.lower(): value for name, value in headers.items()},
        body=call.body or b"",
    )


def asking_of(spec: HttpSpec, incoming: Incoming) -> Asking | None:
    """Read the questions of a request; None when the vendor has no such endpoint."""
    many = _bulk(spec, incoming) if spec.bulk else None
    back = _callback_of_many(spec, incoming) if many else ""
    if many and len(many) > 1:
        return Asking(many, is_bulk=True, callback=back)
    seen = [captured for each in spec.request if (captured := _read(spec, each, incoming))]
    if seen:
        merged: JsonObject = {
            name: value for each in reversed(seen) for name, value in each.items()
        }
        return Asking((Question(merged),), callback=str(merged.pop("$callback", "")))
    poll = spec.deferred.poll if spec.deferred else None
    polled = _read(spec, poll, incoming) if poll else None
    if polled and "$token" in polled:
        return Asking(token=str(polled["$token"]))
    if many:
        return Asking(many, is_bulk=True, callback=back)
    chat = chat_question(incoming.path, incoming.body) if _speaks_chat(spec) else None
    return Asking((Question(chat.inputs),), chat=chat) if chat else None


def _speaks_chat(spec: HttpSpec) -> bool:
    return any(request.path.source == "/chat/completions" for request in spec.request)


def _read(spec: HttpSpec, request: Request, incoming: Incoming) -> "JsonObject | None":
    """Give what the holes of a request hold; None when it is another request."""
    where, _, more = request.path.source.partition("?")
    path = _captured(Template.parse(where), incoming.path, hole="[^/]+")
    if request.method != incoming.method or path is None:
        return None
    out: JsonObject = {name: unquote(str(value)) for name, value in path.items()}
    query = {name: Template.parse(text) for name, text in parse_qsl(more)} | dict(request.query)
    pairs = {name: text for name, text in incoming.query.items() if not _is_auth(spec, name)}
    parts = [_captured_all(query, pairs)]
    if request.form is not None:
        parts.append(_captured_all(request.form, dict(parse_qsl(incoming.body.decode()))))
    if request.body_json is not None:
        parts.append(_captured_json(request.body_json, _document(incoming)))
    for part in parts:
        if part is None:
            return None
        out |= part
    return out


def _bulk(spec: HttpSpec, incoming: Incoming) -> list[Question] | None:
    bulk = spec.bulk
    path = bulk and _captured(Template.parse(bulk.path.source.partition("?")[0]), incoming.path)
    if bulk is None or path is None or bulk.method != incoming.method:
        return None
    items = _items(bulk, incoming)
    seen = [_captured_json(bulk.item, item) for item in items or ()]
    return [_question(bulk, each) for each in seen if each is not None] or None


def _callback_of_many(spec: HttpSpec, incoming: Incoming) -> str:
    """Give where the answers to many questions are to be sent; empty where nobody says so."""
    template = spec.bulk.body_json if spec.bulk else None
    told = _captured_json(template, _document(incoming)) if isinstance(template, dict) else None
    return str((told or {}).get("$callback", ""))


def _items(bulk: Bulk, incoming: Incoming) -> list[Json] | None:
    if bulk.join is not None:
        form = parse_qsl(incoming.body.decode()) if incoming.method == "POST" else ()
        joined = {**incoming.query, **dict(form)}.get(bulk.into)
        return [*joined.split(bulk.join)] if joined else None
    document = _document(incoming)
    for step in filter(None, bulk.into.split(".")):
        document = document.get(step) if isinstance(document, dict) else None
    return document if isinstance(document, list) else None


def _question(bulk: Bulk, seen: JsonObject) -> Question:
    inputs = {name: value for name, value in seen.items() if name != "$key"}
    key = bulk.key.render(seen, plain) if bulk.key else None
    return Question(inputs, key or str(seen.get("$key", "")))


def _is_auth(spec: HttpSpec, name: str) -> bool:
    return spec.auth.kind == "query" and spec.auth.name == name


def _document(incoming: Incoming) -> Json:
    try:
        return parse_json(incoming.body)
    except NotJsonError:
        return None


def _captured_all(
    templates: Mapping[str, Template], said: Mapping[str, str]
) -> "JsonObject | None":
    if said.keys() - templates.keys():
        return None
    out: JsonObject = {}
    for name, template in templates.items():
        if name not in said:
            # What has a hole is left out when the row has no value for it.
            if template.names:
                continue
            return None
        captured = _captured(template, said[name])
        if captured is None:
            return None
        out |= captured
    return out


def _captured_json(template: JsonTemplate, document: Json) -> "JsonObject | None":
    match template:
        case Template():
            if template.lone_hole and not isinstance(document, str):
                return {template.lone_hole: document}
            return _captured(template, document) if isinstance(document, str) else None
        case dict() if isinstance(document, dict):
            pairs = [(item, document[name]) for name, item in template.items() if name in document]
            lacking = [item for name, item in template.items() if name not in document]
            return None if not all(map(names_of, lacking)) else _merged(pairs)
        case list() if isinstance(document, list):
            return _merged(list(zip(template, document, strict=False)))
        case _:
            return {} if template == document else None


def _merged(pairs: Sequence[tuple[JsonTemplate, Json]]) -> "JsonObject | None":
    out: JsonObject = {}
    for template, document in pairs:
        captured = _captured_json(template, document)
        if captured is None:
            return None
        out |= captured
    return out


def _captured(template: Template, text: str, *, hole: str = ".+?") -> "JsonObject | None":
    pattern = "".join(
        re.escape(part) if isinstance(part, str) else f"({hole})" for part in template.parts
    )
    found = re.fullmatch(pattern, text, re.DOTALL)
    if found is None:
        return None
    holes = [part for part in template.parts if isinstance(part, Hole)]
    return dict(_undone(each, said) for each, said in zip(holes, found.groups(), strict=True))


def _undone(hole: Hole, said: str) -> tuple[str, Json]:
    lost = [name for name in hole.filters if name in _LOSSY]
    if lost:
        return "|".join((hole.name, *lost)), said
    return hole.name, said.lstrip("0") or "0" if "pad10" in hole.filters else said
