"""Where providers send answers that they took their time for.

The address itself is the leave to answer, once: it holds a name that nobody can guess, signed. To
whoever has none of ours, or one whose time is over, no more than that is said.
"""

import asyncio
import logging
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from enrich.api.asked import Own, Queue
from enrich.api.problems import ProblemError
from enrich.domain.callback import Receipt, name_in

__all__ = ["router"]

log = logging.getLogger("enrich.api")

router = APIRouter(prefix="/v1/callbacks", tags=["callbacks"])

_WHOLE_BODY_S = 30.0


def _name(signed: str, own: Own) -> str:
    name = name_in(signed, own.callback_secret)
    if name is None:
        own.metrics.count("callbacks", labels={"outcome": Receipt.UNKNOWN.value})
        raise ProblemError(404, "there is nothing here")
    return name


async def _body(request: Request, own: Own, _: Annotated[str, Depends(_name)]) -> bytes:
    most, read = own.settings.callbacks.max_bytes, bytearray()
    try:
        async with asyncio.timeout(_WHOLE_BODY_S):
            async for part in request.stream():
                read += part
                if len(read) > most:
                    raise ProblemError(413, f"the body may have {most} bytes")
    except TimeoutError:
        raise ProblemError(408, f"the body did not arrive in {_WHOLE_BODY_S:g} s") from None
    return bytes(read)


@router.post("/{signed}", status_code=204)
def receive(
    request: Request,
    name: Annotated[str, Depends(_name)],
    body: Annotated[bytes, Depends(_body)],
    own: Own,
    queue: Queue,
) -> Response:
    """Take the answer to a question that a provider was asked; once, and while it is waited for."""
    kind = request.headers.get("content-type", "")
    received = own.callbacks.receive(name, body=body, content_type=kind)
    labels = {"provider": received.provider, "outcome": received.receipt.value}
    own.metrics.count("callbacks", labels=labels)
    log.info("callback.received", extra={**labels, "bytes": len(body)})
    if received.receipt is Receipt.UNKNOWN:
        raise ProblemError(404, "there is nothing here")
    if received.receipt is Receipt.CLOSED:
        raise ProblemError(410, "there is nothing here any more")
    if received.woken:
        queue.sweep()
    return Response(status_code=204)
