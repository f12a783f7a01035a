"""Bodies, read strictly: JSON in UTF-8, bounded, with nothing in it that readers differ about.

Python's parser keeps the last of two equal keys, reads `NaN`, and hands on what PostgreSQL refuses
(NUL, a lone surrogate). All of that is refused here, before anything is done.
"""

import asyncio
import json
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

from enrich.api.problems import Fault, ProblemError
from enrich.settings import ApiSettings

__all__ = ["StrictRoute", "parsed"]

_MAX_DEPTH = 64
_MAX_DIGITS = 40
_TYPES = frozenset({"application/json", 'application/json;charset="utf-8"'})


class StrictRoute(APIRoute):
    """A route whose bodies are read by `StrictRequest`."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap the usual handler."""
        handle = super().get_route_handler()

        async def strictly(request: Request) -> Response:
            return await handle(_StrictRequest(request.scope, request.receive))

        return strictly


class _StrictRequest(Request):
    """A request that checks its body while it reads it."""

    async def body(self) -> bytes:
        if not hasattr(self, "_body"):
            self._check_headers()
            self._body = await self._bounded()
        return self._body

    async def json(self) -> Any:
        return parsed(await self.body())

    def _check_headers(self) -> None:
        kind = self.headers.get("content-type", "").lower().replace(" ", "")
        if kind.replace("charset=utf-8", 'charset="utf-8"') not in _TYPES:
            raise ProblemError(415, "Content-Type must be application/json")
        if self.headers.get("content-encoding", "identity").lower() != "identity":
            raise ProblemError(415, "Content-Encoding must be left out: send the body as it is")

    async def _bounded(self) -> bytes:
        own: ApiSettings = self.app.state.services.settings.api
        most, within_s = own.max_body_bytes, own.body_seconds
        read = bytearray()
        try:
            async with asyncio.timeout(within_s):
                async for part in self.stream():
                    read += part
                    if len(read) > most:
                        raise ProblemError(413, f"the body may have {most} bytes")
        except TimeoutError:
            raise ProblemError(408, f"the body did not arrive in {within_s:g} s") from None
        return bytes(read)


def parsed(body: bytes) -> Any:
    """Parse a body.

    Raises:
        ProblemError: 400 for what is not JSON or is read differently by different readers, 422 for
            text that no database keeps.
    """
    try:
        value = json.loads(
            body.decode("utf-8"),
            object_pairs_hook=_no_twins,
            parse_constant=_no_constant,
            parse_float=_finite,
            parse_int=_short,
        )
    except UnicodeDecodeError:
        raise ProblemError(400, "the body is not UTF-8") from None
    except RecursionError:
        raise _too_deep() from None
    except json.JSONDecodeError as exc:
        where = f"line {exc.lineno}, column {exc.colno}"
        raise ProblemError(400, f"the body is not JSON: {exc.msg} at {where}") from None
    _check(value, "/body", 0)
    return value


def _no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ProblemError(400, "the body has two equal keys in one object")
    return made


def _no_constant(_: str) -> None:
    raise ProblemError(400, "the body has a number that is not finite")


def _finite(text: str) -> float:
    number = float(text)
    if number in {float("inf"), float("-inf")}:
        _no_constant(text)
    return number


def _short(text: str) -> int:
    if len(text) > _MAX_DIGITS:
        raise ProblemError(400, f"the body has a whole number of over {_MAX_DIGITS} digits")
    return int(text)


def _too_deep() -> ProblemError:
    return ProblemError(400, f"the body is nested deeper than {_MAX_DEPTH} levels")


def _check(value: Any, pointer: str, depth: int) -> None:
    if depth > _MAX_DEPTH:
        raise _too_deep()
    match value:
        case str():
            _check_text(value, pointer)
        case list():
            for place, item in enumerate(value):
                _check(item, f"{pointer}/{place}", depth + 1)
        case dict():
            for key, item in value.items():
                _check_text(key, pointer)
                _check(item, f"{pointer}/{key}", depth + 1)


def _check_text(text: str, pointer: str) -> None:
    if "\0" in text:
        raise _wrong_text(pointer, "must hold no NUL character")
    if not text.isascii() and any("\ud800" <= letter <= "\udfff" for letter in text):
        raise _wrong_text(pointer, "must hold no lone surrogate")


def _wrong_text(pointer: str, problem: str) -> ProblemError:
    # A key with a surrogate cannot be sent back either.
    shown = pointer.encode("utf-8", "replace").decode().replace("\0", "?")
    return ProblemError(422, f"{shown}: {problem}", faults=[Fault(shown, problem)])
