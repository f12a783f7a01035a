"""The internal tasks: each decodes its message, calls one use case, and sends what is due next."""

from collections.abc import Mapping
from typing import Any

from enrich.engine.fuse import fuse as fuse_batch
from enrich.engine.premium import premium as ask_premium
from enrich.engine.probe import probe as ask_provider
from enrich.engine.sweep import sweep as sweep_batches
from tasks.app import app
from tasks.canvas import CeleryDispatcher
from tasks.messages import from_wire
from tasks.replies import reply
from tasks.services import services

__all__ = ["fuse", "premium", "probe", "sweep"]

_dispatcher = CeleryDispatcher(app)


@app.task(name="enrich.probe")
def probe(message: Mapping[str, Any], provider: str) -> str:
    """Ask one provider about one batch; the answer lies in Postgres, the result is a token."""
    ask_provider(services().parts, from_wire(message), provider)
    return provider


@app.task(name="enrich.fuse")
def fuse(_tokens: list[str], message: Mapping[str, Any]) -> None:
    """Join a wave: write the cells and send the next step."""
    parts = services().parts
    fusion = fuse_batch(parts, from_wire(message))
    _dispatcher.dispatch(fusion.steps)
    if fusion.finished is not None:
        reply(app, parts, fusion.finished)


@app.task(name="enrich.premium")
def premium(message: Mapping[str, Any]) -> None:
    """Ask the premium providers about what is still unresolved."""
    _dispatcher.dispatch(ask_premium(services().parts, from_wire(message)))


@app.task(name="enrich.sweep")
def sweep() -> int:
    """Send again the batches whose lease has run out; gives how many."""
    parts = services().parts
    swept = sweep_batches(parts)
    _dispatcher.dispatch(swept.steps)
    for finished in swept.finished:
        reply(app, parts, finished)
    return len(swept.steps)
