"""Make requests: from a row's inputs to a call, by a provider's file. Pure."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from urllib.parse import urlencode, urlsplit

from enrich.domain.keys import digest
from enrich.domain.values import Json, JsonObject
from providers.exchange import HttpCall
from providers.spec.file import HttpSpec
from providers.spec.model import Bulk, Request
from providers.spec.reading import Asked
from providers.spec.template import (
    BadValueError,
    Template,
    in_header,
    in_path,
    plain,
    render_json,
)

__all__ = [
    "bulk_call",
    "key_of",
    "lookup_call",
    "poll_call",
    "question_of",
    "request_for",
    "with_key",
]


def request_for(
    spec: HttpSpec, inputs: JsonObject, *, base_url: str | None = None, callback: str | None = None
) -> HttpCall:
    """Make the request about one row: the file's first one that the row has all needs of.

    `callback` is where its answer is to be sent, if it answers later.

    Raises:
        BadValueError: an input cannot be sent.
    """
    have = {name for name, value in inputs.items() if value is not None}
    for request in spec.request:
        if have.issuperset(request.needs):
            values: JsonObject = {**inputs, "$callback": callback}
            return _call(spec, request, values, base_url=base_url)
    raise BadValueError("the row", "has too little to ask with")


def poll_call(spec: HttpSpec, token: str, *, base_url: str | None = None) -> HttpCall:
    """Make the request that asks how a question stands. Raises `BadValueError`."""
    if spec.deferred is None or spec.deferred.poll is None:
        raise BadValueError("the token", "cannot be asked with")
    return _call(spec, spec.deferred.poll, {"$token": token}, base_url=base_url)


def lookup_call(spec: HttpSpec, key: str, *, base_url: str | None = None) -> HttpCall:
    """Make the request that asks what came of a call. Raises `BadValueError`."""
    if spec.idempotency is None or spec.idempotency.lookup is None:
        raise BadValueError("the provider", "cannot be asked what came of a call")
    return _call(spec, spec.idempotency.lookup, {"$call": key}, base_url=base_url)


def with_key(spec: HttpSpec, call: HttpCall, keys: Sequence[str]) -> HttpCall:
    """Let a call carry its key, where the provider takes one; rows of one call share theirs."""
    header = spec.idempotency.header if spec.idempotency else None
    if header is None or not any(keys):
        return call
    key = keys[0] if len(keys) == 1 else digest(sorted(keys))
    return replace(call, headers={**call.headers, header: key})


def key_of(spec: HttpSpec, inputs: JsonObject, place: int) -> str:
    """Give what the answer about a row will be known by among many. Raises `BadValueError`."""
    template = spec.bulk.key if spec.bulk else None
    if template is None:
        return str(place)
    key = template.render({**inputs, "$key": str(place)}, plain)
    if key is None:
        raise BadValueError("the row", "lacks what its answer is known by")
    return key


def bulk_call(
    spec: HttpSpec,
    asked: Sequence[Asked],
    *,
    base_url: str | None = None,
    callback: str | None = None,
) -> HttpCall:
    """Make the one request about many rows; `callback` is where its answers are to be sent.

    Raises:
        BadValueError: an input cannot be sent; `question_of` says which row's.
    """
    bulk = _bulk_of(spec)
    items = [question_of(spec, each) for each in asked]
    values: JsonObject = {"$callback": callback}
    if bulk.join is not None:
        joined = {bulk.into: bulk.join.join(str(item) for item in items)}
        return _call(spec, bulk, values, base_url=base_url, more=joined)
    return _call(spec, bulk, values, base_url=base_url, items=items)


def question_of(spec: HttpSpec, asked: Asked) -> Json:
    """Make one row's question among many. Raises `BadValueError`."""
    bulk = _bulk_of(spec)
    item = render_json(bulk.item, {**asked.inputs, "$key": asked.key})
    if item is None:
        raise BadValueError("the row", "has too little to ask with")
    if bulk.join is not None and bulk.join in str(item):
        raise BadValueError("the row", "has a value that cannot be asked about among others")
    return item


def _bulk_of(spec: HttpSpec) -> Bulk:
    if spec.bulk is None:
        raise BadValueError("the provider", "takes one row at a time")
    return spec.bulk


def _call(
    spec: HttpSpec,
    request: Request,
    values: Mapping[str, Json],
    *,
    base_url: str | None,
    more: Mapping[str, str] | None = None,
    items: list[Json] | None = None,
) -> HttpCall:
    own = dict(more or {})
    query = _filled(request.query, values) | (own if request.method == "GET" else {})
    headers = {"Accept": "application/json", **_headers(request, values)}
    body: bytes | None = None
    if request.form is not None or (own and request.method == "POST"):
        form = _filled(request.form or {}, values) | own
        body = urlencode(form).encode()
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    elif request.body_json is not None or items is not None:
        document = render_json(request.body_json, values)
        if isinstance(request, Bulk) and items is not None:
            document = _with_items(document, request.into, items)
        body = json.dumps(document or {}, ensure_ascii=True, allow_nan=False).encode()
        headers["Content-Type"] = "application/json"
    url = (base_url or spec.base_url) + _path(request.path, values)
    if query:
        url += ("&" if "?" in url else "?") + urlencode(query)
    return HttpCall(method=request.method, url=url, headers=headers, body=body)


def _path(template: Template, values: Mapping[str, Json]) -> str:
    path = template.render(values, in_path)
    if path is None:
        raise BadValueError("the row", "lacks what its address is made of")
    # A segment of dots would be resolved by whoever comes next: a client, a proxy, the server.
    if any(segment in {".", ".."} for segment in urlsplit(path).path.split("/")):
        raise BadValueError("the row", "has a value that cannot stand in a path")
    return path


def _filled(templates: Mapping[str, Template], values: Mapping[str, Json]) -> dict[str, str]:
    filled = {name: template.render(values, plain) for name, template in templates.items()}
    return {name: text for name, text in filled.items() if text is not None}


def _headers(request: Request, values: Mapping[str, Json]) -> dict[str, str]:
    filled = {name: item.render(values, in_header) for name, item in request.headers.items()}
    return {name: text for name, text in filled.items() if text is not None}


def _with_items(document: Json, into: str, items: list[Json]) -> Json:
    if not into:
        return items
    outer: JsonObject = dict(document) if isinstance(document, dict) else {}
    head, _, rest = into.partition(".")
    outer[head] = _with_items(outer.get(head), rest, items)
    return outer
