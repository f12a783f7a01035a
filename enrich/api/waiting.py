"""Wait for runs without holding a thread."""

import asyncio
from collections.abc import AsyncIterator, Callable

from starlette.concurrency import run_in_threadpool

from enrich.domain.run import RunState
from enrich.domain.values import JsonObject
from enrich.engine.parts import Parts
from enrich.engine.report import run_report

__all__ = ["came_true", "ended_within", "reports"]

_FIRST_LOOK_S = 0.02
_LATER_LOOKS_S = 0.5
_REPORT_EVERY_S = 0.5
_REPEAT_EVERY_S = 15.0


async def ended_within(parts: Parts, run_id: int, wait_s: float) -> bool:
    """Wait until a run has ended, for `wait_s` at most; say whether it has."""
    return await came_true(lambda: parts.runs.ended(run_id) is not None, wait_s)


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
