"""Wait for runs without holding a thread."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from enum import StrEnum

from starlette.concurrency import run_in_threadpool

from enrich.domain.run import RunState
from enrich.domain.values import JsonObject
from enrich.engine.parts import Parts
from enrich.engine.report import run_report

__all__ = ["NOTICE", "Patience", "Waited", "came_true", "ended", "reports"]

#: Said beside work that was stored and that nobody takes up at present.
NOTICE = "no worker answers: it is stored, and begins when one is started"

_FIRST_LOOK_S = 0.02
_LATER_LOOKS_S = 0.5
_REPORT_EVERY_S = 0.5
_REPEAT_EVERY_S = 15.0


class Waited(StrEnum):
    """What came of a wait."""

    ENDED = "ended"
    LATE = "late"
    UNTAKEN = "untaken"  # it would never have ended: there is nobody to do it


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long is waited, in seconds, and what is asked after the first `untaken_s` of them."""

    wait_s: float
    untaken_s: float
    has_workers: Callable[[], bool]


async def ended(look: Callable[[], bool], patience: Patience) -> Waited:
    """Look until it says yes; not for long when no worker is there that could make it true."""
    first_s = min(patience.wait_s, patience.untaken_s)
    if await came_true(look, first_s):
        return Waited.ENDED
    if patience.wait_s >= patience.untaken_s and not await run_in_threadpool(patience.has_workers):
        return Waited.UNTAKEN
    is_true = await came_true(look, patience.wait_s - first_s)
    return Waited.ENDED if is_true else Waited.LATE


async def came_true(look: Callable[[], bool], wait_s: float) -> bool:
    """Look until it says yes, for `wait_s` at most; say whether it has.

    The looks become rarer: what is short is seen at once, and what is long costs two looks a
    second.
    """
    look_s, until_s = _FIRST_LOOK_S, asyncio.get_running_loop().time() + wait_s
    while True:
        if await run_in_threadpool(look):
            return True
        left_s = until_s - asyncio.get_running_loop().time()
        if left_s <= 0:
            return False
        await asyncio.sleep(min(look_s, left_s))
        look_s = min(look_s * 1.5, _LATER_LOOKS_S)


async def reports(parts: Parts, tenant: str, run_id: int) -> AsyncIterator[JsonObject]:
    """Give a run's report whenever it has changed, every 15 s when it has not, and at its end.

    Raises `UnknownNameError` at the first look.
    """
    last: JsonObject = {}
    told_s = float("-inf")
    while True:
        report = run_report(await run_in_threadpool(parts.runs.summary, tenant, run_id))
        now_s = asyncio.get_running_loop().time()
        if report != last or now_s - told_s >= _REPEAT_EVERY_S:
            last, told_s = report, now_s
            yield report
        if report["state"] != RunState.RUNNING.value:
            return
        await asyncio.sleep(_REPORT_EVERY_S)
