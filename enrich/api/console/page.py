"""The page itself: files of this package, under a policy that lets nothing else run."""

from collections.abc import Mapping
from importlib.resources import files

from fastapi import FastAPI, Request
from fastapi.responses import Response

from enrich.api.problems import ProblemError

__all__ = ["POLICY", "serve_page"]

#: Scripts and styles of ours alone, nothing inline, no frame around it, and no text that becomes
#: markup: a value of a cell cannot do anything, whatever it holds.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none';"
    " require-trusted-types-for 'script'; trusted-types 'none'"
)
_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # Asked for again after an upgrade: the page and its modules must be of one release.
    "Cache-Control": "no-cache",
}
_TYPES = {
    "css": "text/css; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}


def serve_page(app: FastAPI) -> None:
    """Serve the page at `/` and its files beside it."""
    held = _read()

    @app.get("/", include_in_schema=False)
    def page() -> Response:
        return _answer(held, "console.html")

    @app.get("/console/{name}", include_in_schema=False)
    def file(name: str, request: Request) -> Response:
        if name not in held:
            raise ProblemError(404, f"the console has no file of this name: {request.url.path}")
        return _answer(held, name)


def _answer(held: Mapping[str, bytes], name: str) -> Response:
    kind = _TYPES[name.rpartition(".")[2]]
    return Response(held[name], media_type=kind, headers=_HEADERS)


def _read() -> Mapping[str, bytes]:
    folder = files(__package__) / "files"
    return {
        each.name: each.read_bytes()
        for each in folder.iterdir()
        if each.name.rpartition(".")[2] in _TYPES
    }
