"""Errors as RFC 9457 problem documents, from one table.

A problem has a `type` (a URN that names its kind for ever), a `title` (the kind in words), the
`status`, a `detail` (the one sentence) and, where a field is at fault, `errors` with its place.
Values that were sent are never repeated.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Match

from enrich.api.unknown_keys import UNKNOWN_KEY, unknown_key
from enrich.errors import (
    BadInputError,
    DependencyError,
    EnrichError,
    RunFailedError,
    SettingsError,
    UnknownNameError,
)

__all__ = ["Fault", "ProblemError", "answer_with_problems", "documented"]

#: Kinds of names that stand in a body: a wrong one is a wrong value, not an absent page.
_IN_BODY = frozenset({"column", "field"})

_TITLES: Mapping[int, tuple[str, str]] = {
    400: ("bad_request", "The request cannot be read"),
    401: ("unauthorized", "The request carries no valid credential"),
    403: ("forbidden", "The credential does not allow this"),
    404: ("not_found", "There is no such thing"),
    405: ("method_not_allowed", "The address does not know this method"),
    408: ("timeout", "The request took too long to arrive"),
    409: ("conflict", "The request does not fit what is there"),
    410: ("gone", "There is no such thing any more"),
    413: ("too_large", "The request is too large"),
    415: ("unsupported_media_type", "The body must be JSON in UTF-8"),
    422: ("invalid", "A value is wrong"),
    429: ("too_many_requests", "The tenant's rate is used up"),
    500: ("internal", "Something broke here"),
    503: ("unavailable", "Something that is needed is down"),
}
_RETRY_S = 5
#: So many unknown keys are told with what is like them: there may be as many as a body has.
_EXPLAINED = 20


_TEXT = {"type": "string"}
_FAULT = {
    "type": "object",
    "properties": {"pointer": _TEXT, "detail": _TEXT},
    "required": ["pointer", "detail"],
}
_SCHEMA = {
    "type": "object",
    "properties": {
        "type": _TEXT,
        "title": _TEXT,
        "status": {"type": "integer"},
        "detail": _TEXT,
        "errors": {"type": "array", "items": _FAULT},
    },
    "required": ["type", "title", "status", "detail"],
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One field that is wrong: its place as a JSON Pointer, and why."""

    pointer: str
    detail: str


class ProblemError(HTTPException):
    """A refusal with its sentence; becomes a problem document."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        faults: Sequence[Fault] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(status, detail, headers=dict(headers or {}))
        self.faults = tuple(faults)


def documented() -> dict[int | str, dict[str, Any]]:
    """Give the errors that every address may answer with, for the OpenAPI."""
    return {
        status: {
            "description": title,
            "content": {"application/problem+json": {"schema": _SCHEMA}},
        }
        for status, (_, title) in sorted(_TITLES.items())
    }


def answer_with_problems(app: FastAPI) -> None:
    """Make every error of the application a problem document."""
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(EnrichError, _on_own)
    app.add_exception_handler(Exception, _on_bug)


def _problem(
    status: int,
    detail: str,
    *,
    faults: Sequence[Fault] = (),
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    name, title = _titled(status)
    body: dict[str, object] = {
        "type": f"urn:enrich:problem:{name}",
        "title": title,
        "status": status,
        "detail": detail,
    }
    if faults:
        body["errors"] = [{"pointer": f.pointer, "detail": f.detail} for f in faults]
    return JSONResponse(
        body, status, headers=dict(headers or {}), media_type="application/problem+json"
    )


async def _on_http(request: Request, exc: Exception) -> JSONResponse:
    assert isinstance(exc, HTTPException)  # noqa: S101 - what it is registered for
    faults = exc.faults if isinstance(exc, ProblemError) else ()
    detail = exc.detail if isinstance(exc, ProblemError) else _titled(exc.status_code)[1]
    headers = {"Allow": _methods_of(request)} if exc.status_code == 405 else exc.headers
    return _problem(exc.status_code, detail, faults=faults, headers=headers)


def _methods_of(request: Request) -> str:
    """List the methods of an address: each has a route of its own, which knows only itself."""
    routes: Sequence[BaseRoute] = request.app.routes
    known = {
        method
        for route in routes
        if route.matches(request.scope)[0] is not Match.NONE
        for method in getattr(route, "methods", None) or ()
    }
    return ", ".join(sorted(known))


async def _on_invalid(request: Request, exc: Exception) -> JSONResponse:
    assert isinstance(exc, RequestValidationError)  # noqa: S101 - what it is registered for
    # Neither `input` nor `ctx`: both repeat what was sent.
    faults = [Fault(_pointer(e["loc"]), e["msg"]) for e in exc.errors()]
    for place, error in enumerate(exc.errors()[:_EXPLAINED]):
        if error["type"] == UNKNOWN_KEY:
            detail = unknown_key(request, error["loc"])
            faults[place] = Fault(faults[place].pointer, detail)
    first = faults[0]
    return _problem(422, f"{first.pointer}: {first.detail}", faults=faults)


async def _on_own(_: Request, exc: Exception) -> JSONResponse:
    status = _status_of(exc)
    headers = {"Retry-After": str(_RETRY_S)} if status == 503 else {}
    faults = [Fault(f"/body/{exc.field}", exc.problem)] if isinstance(exc, BadInputError) else []
    return _problem(status, str(exc), faults=faults, headers=headers)


async def _on_bug(_: Request, __: Exception) -> JSONResponse:
    # The server logs the exception; whoever asked has no use for it.
    return _problem(500, "The error is in the server's log.")


def _titled(status: int) -> tuple[str, str]:
    return _TITLES.get(status, ("problem", "The request failed"))


def _status_of(exc: Exception) -> int:
    match exc:
        case UnknownNameError():
            return 422 if exc.kind in _IN_BODY else 404
        case BadInputError():
            return 422
        case DependencyError():
            return 503
        case RunFailedError():
            return 409
        case SettingsError():
            return 500
        case _:
            return 500


def _pointer(place: Sequence[int | str]) -> str:
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in place)
