"""One reading for all who watch: what the console shows is read once and sent to each of them.

A section is read only while somebody watches. Whoever is slow gets the newest reading and never
those between, so nothing piles up for anybody.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import orjson
from starlette.concurrency import run_in_threadpool

from enrich.api.problems import ProblemError
from enrich.domain.values import JsonObject
from enrich.errors import EnrichError

__all__ = ["Hub", "Read", "Section"]

log = logging.getLogger("enrich.api")

Read: TypeAlias = Callable[[], JsonObject]
_Key: TypeAlias = tuple[str, str]

#: Somebody who hears nothing for three of these takes the connection for lost.
_BEAT_S = 1.0
#: A reading that takes long is taken less often: it works half of the time at most.
_REST = 1.0
_BEAT = b"event: beat\ndata: {}\n\n"
#: Of whom the readings are that belong to no tenant.
_ALL = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A part of what is shown, read about every `period_s` seconds.

    `begin` is given the tenant and makes what reads: it may remember the last readings. A section
    that is `shared` is the same for all tenants, and is read for none.
    """

    name: str
    period_s: float
    begin: Callable[[str], Read]
    shared: bool = False


class Hub:
    """Reads while somebody watches. Of one event loop; nothing here is for several threads."""

    def __init__(self, sections: Sequence[Section], *, most_viewers: int = 200) -> None:
        self._sections, self._most = tuple(sections), most_viewers
        self._viewers: Counter[str] = Counter()  # by tenant; all of them under `_ALL`
        self._readers: dict[_Key, asyncio.Task[None]] = {}
        self._frames: dict[_Key, tuple[int, bytes]] = {}
        self._number = 0
        self._news = asyncio.Event()
        self._ended = False

    def check(self) -> None:
        """Refuse one viewer too many. Raises `ProblemError`."""
        if self._viewers[_ALL] >= self._most:
            raise ProblemError(
                503, f"{self._most} consoles are open here already; close one, or ask again later"
            )

    def end(self) -> None:
        """Let all viewers go within a second: the process is about to end."""
        self._ended = True

    async def watch(self, tenant: str) -> AsyncGenerator[bytes, None]:
        """Give the frames of a tenant's sections as they change, and a beat where nothing does."""
        self._join(tenant)
        try:
            seen = 0
            while not self._ended:
                news = self._news
                number = self._number
                frames = [
                    frame
                    for (_, of), (version, frame) in self._frames.items()
                    if version > seen and of in {_ALL, tenant}
                ]
                seen = number
                if frames:
                    yield b"".join(frames)
                if not await _happens(news):
                    yield _BEAT
        finally:
            self._leave(tenant)

    def _join(self, tenant: str) -> None:
        for of in (_ALL, tenant):
            self._viewers[of] += 1
            if self._viewers[of] == 1:
                self._begin(of)

    def _leave(self, tenant: str) -> None:
        for of in (_ALL, tenant):
            self._viewers[of] -= 1
            if not self._viewers[of]:
                del self._viewers[of]
                self._stop(of)

    def _begin(self, of: str) -> None:
        for section in self._sections:
            if section.shared == (of == _ALL):
                key = (section.name, of)
                self._readers[key] = asyncio.create_task(self._read_on(key, section))

    def _stop(self, of: str) -> None:
        for key in [key for key in self._readers if key[1] == of]:
            self._readers.pop(key).cancel()
            self._frames.pop(key, None)

    async def _read_on(self, key: _Key, section: Section) -> None:
        read, loop = section.begin(key[1]), asyncio.get_running_loop()
        while True:
            begun_s = loop.time()
            frame = await run_in_threadpool(_frame, section.name, read)
            self._publish(key, frame)
            took_s = loop.time() - begun_s
            await asyncio.sleep(max(section.period_s - took_s, _REST * took_s))

    def _publish(self, key: _Key, frame: bytes) -> None:
        if self._frames.get(key, (0, b""))[1] == frame:
            return
        self._number += 1
        self._frames[key] = self._number, frame
        news, self._news = self._news, asyncio.Event()
        news.set()


async def _happens(news: asyncio.Event) -> bool:
    try:
        async with asyncio.timeout(_BEAT_S):
            await news.wait()
    except TimeoutError:
        return False
    return True


def _frame(name: str, read: Read) -> bytes:
    try:
        body = read()
    except EnrichError as exc:
        log.warning("console.unread", extra={"section": name, "error": str(exc)})
        body = {"error": str(exc)}
    return b"event: %b\ndata: %b\n\n" % (name.encode(), orjson.dumps(body))
