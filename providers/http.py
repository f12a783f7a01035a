"""The one HTTP client of all providers: whatever comes back is a value, and within limits.

No redirect is followed, no cookie kept, no proxy or password taken from the environment. A body is
read up to its limits on the wire and decoded, and no further.
"""

import logging
import random
import zlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from http.cookiejar import DefaultCookiePolicy
from threading import Event
from typing import Any
from urllib.parse import urlencode, urlsplit

import requests
from urllib3.exceptions import HTTPError as _LibraryError

from enrich.domain.outcome import Malformed, Unavailable
from enrich.ports.outside import Clock, Deadline
from enrich.ports.tracing import NO_TRACES, Fact, Tracer
from providers.base import SystemClock
from providers.exchange import HttpCall, HttpFault, Reply
from providers.http_faults import fault_of
from providers.spec.model import Retry, Timeouts
from providers.wire import Addresses, OnTheWire, Resolve, TimedAdapter, resolve_any

__all__ = ["DECODED_BYTES_MAX", "USER_AGENT", "WIRE_BYTES_MAX", "HttpClient"]

USER_AGENT = "enrich-engine/0.1"
WIRE_BYTES_MAX = 512 * 1024
DECODED_BYTES_MAX = 2 * 1024 * 1024
#: Text compresses ten- to twentyfold; a hundredfold is a bomb.
RATIO_MAX = 100
_RATIO_FROM_BYTES = 64 * 1024
_CHUNK_BYTES = 16 * 1024
_LOOKUPS = 16
_NO_RETRY = Retry(attempts=0)


class _TooMuchError(Exception):
    """A body goes over a limit, or is not encoded as agreed; says which."""


class _WithoutQueries(logging.Filter):
    """Cuts what stands behind a `?` out of the library's own lines: a key may be there."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Keep every line."""
        if isinstance(record.args, tuple):
            record.args = tuple(
                arg.partition("?")[0] if isinstance(arg, str) else arg for arg in record.args
            )
        return True


_without_queries = _WithoutQueries()


class HttpClient:
    """A pool of connections; one a process, safe to use from many threads. `close` when done."""

    def __init__(
        self,
        *,
        clock: Clock | None = None,
        contact: str = "",
        resolve: Resolve = resolve_any,
        adapter: TimedAdapter | None = None,
        tracer: Tracer = NO_TRACES,
    ) -> None:
        """Open nothing yet; `contact` is whom a provider may write to, for the User-Agent."""
        self._clock, self._tracer = clock or SystemClock(), tracer
        self._lookup = resolve
        # The system's resolver knows no deadline; who waits for it here does.
        self._names = ThreadPoolExecutor(max_workers=_LOOKUPS, thread_name_prefix="enrich-names")
        self._agent = f"{USER_AGENT} ({contact})" if contact else USER_AGENT
        self._pause = Event()  # never set: its wait is the pause before another try
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, adapter or TimedAdapter())
        for name in ("urllib3.connectionpool", "urllib3.connection"):
            logging.getLogger(name).addFilter(_without_queries)

    def send(
        self,
        call: HttpCall,
        *,
        deadline: Deadline,
        timeouts: Timeouts | None = None,
        retry: Retry = _NO_RETRY,
    ) -> Reply | HttpFault:
        """Make a call; it ends by the deadline or the total time-out, whichever comes first."""
        times = timeouts or Timeouts()
        until_s = self._clock.monotonic_s() + times.total_s
        limit = Deadline(min(deadline.at_monotonic_s, until_s))
        wire = OnTheWire(limit, self._clock, times.connect_s, times.read_s, self._resolved)
        calls = 0
        for attempt in range(retry.attempts + 1):
            ended = self._traced(call, wire, attempt)
            calls += isinstance(ended, Reply) or ended.is_sent
            pause_s = retry.pause_s * 2**attempt * random.uniform(0.5, 1.5)  # noqa: S311 - spreads, hides nothing
            is_last = attempt == retry.attempts or limit.left_s(self._clock) <= pause_s
            if is_last or not _may_try_again(ended, retry):
                return replace(ended, calls=calls)
            self._pause.wait(pause_s)
        raise AssertionError("a last attempt returns")

    def close(self) -> None:
        """Give back the connections."""
        self._session.close()
        self._names.shutdown(wait=False, cancel_futures=True)

    def _resolved(self, host: str, port: int, within_s: float) -> Addresses:
        return self._names.submit(self._lookup, host, port).result(timeout=within_s)

    def _traced(self, call: HttpCall, wire: OnTheWire, attempt: int) -> Reply | HttpFault:
        """Make one attempt; a trace gets method, host and status, and never path or query."""
        if self._tracer is NO_TRACES:
            return self._tried(call, wire)
        host = urlsplit(call.url).hostname or ""
        facts: dict[str, Fact] = {
            "http.request.method": call.method,
            "server.address": host,
            "http.request.resend_count": attempt,
        }
        with self._tracer.span(f"{call.method} {host}", facts, kind="client") as span:
            ended = self._tried(call, wire)
            if isinstance(ended, Reply):
                span.set({"http.response.status_code": ended.status})
            else:
                span.set({"error.type": ended.outcome.kind.value})
        return ended

    def _tried(self, call: HttpCall, wire: OnTheWire) -> Reply | HttpFault:
        if wire.deadline.left_s(self._clock) <= 0:
            return HttpFault(outcome=Unavailable("timed out"), is_sent=False)
        with wire.current():
            try:
                return self._sent(call, wire)
            except _TooMuchError as exc:
                return HttpFault(outcome=Malformed(str(exc)))
            except (requests.RequestException, OSError, ValueError, _LibraryError) as exc:
                return fault_of(exc)

    def _sent(self, call: HttpCall, wire: OnTheWire) -> Reply:
        response = self._session.send(
            self._prepared(call),
            stream=True,
            allow_redirects=False,
            proxies={},
            timeout=(wire.left_s(wire.connect_s), wire.left_s(wire.read_s)),
        )
        try:
            headers = {name.lower(): value for name, value in response.headers.items()}
            body = _body_of(response.raw, headers)
        finally:
            # A connection that was not read to its end is closed: what is left on it must not be
            # taken for the next answer. One that was is in the pool by now.
            response.close()
        return Reply(status=response.status_code, headers=headers, body=body, at=self._clock.now())

    def _prepared(self, call: HttpCall) -> requests.PreparedRequest:
        url = call.url
        if call.secret_query:
            url += ("&" if "?" in url else "?") + urlencode(call.secret_query)
        headers = {
            "Accept-Encoding": "gzip, deflate",
            **call.headers,
            **call.secret_headers,
            "User-Agent": self._agent,
        }
        request = requests.Request(call.method, url, headers=headers, data=call.body)
        return request.prepare()


def _may_try_again(ended: Reply | HttpFault, retry: Retry) -> bool:
    if isinstance(ended, Reply):
        return retry.on == "unavailable" and ended.status in {500, 502, 503, 504}
    return not ended.is_sent or (
        retry.on == "unavailable" and isinstance(ended.outcome, Unavailable)
    )


def _body_of(raw: Any, headers: Mapping[str, str]) -> bytes:
    """Read a body within its limits.

    Raises:
        _TooMuchError: it goes over one, or is encoded in a way that was not offered.
    """
    decode = _Decoding(headers.get("content-encoding", ""))
    wire_bytes = 0
    while chunk := raw.read(_CHUNK_BYTES, decode_content=False):
        wire_bytes += len(chunk)
        if wire_bytes > WIRE_BYTES_MAX:
            raise _TooMuchError("the body is too large")
        decode.feed(chunk, wire_bytes)
    return decode.end()


class _Decoding:
    """Decodes a body while it comes, and never holds more than the limit."""

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding.strip().lower()
        if self._encoding not in {"", "identity", "gzip", "x-gzip", "deflate"}:
            raise _TooMuchError("an encoding that was not offered")
        self._out = bytearray()
        self._inflate: Any = None

    def feed(self, chunk: bytes, wire_bytes: int) -> None:
        """Take the next bytes; `wire_bytes` is how many have come in all."""
        if self._encoding in {"", "identity"}:
            self._out += chunk
            return
        if self._inflate is None:
            self._inflate = zlib.decompressobj(_window(self._encoding, chunk))
        room = DECODED_BYTES_MAX + 1 - len(self._out)
        try:
            self._out += self._inflate.decompress(chunk, room)
        except zlib.error:
            raise _TooMuchError("the body cannot be decoded") from None
        if len(self._out) > max(_RATIO_FROM_BYTES, RATIO_MAX * wire_bytes):
            raise _TooMuchError("the body inflates too far")
        if len(self._out) > DECODED_BYTES_MAX:
            raise _TooMuchError("the body is too large")

    def end(self) -> bytes:
        """Give the whole body."""
        if self._inflate is not None and (not self._inflate.eof or self._inflate.unused_data):
            raise _TooMuchError("the body cannot be decoded")
        return bytes(self._out)


def _window(encoding: str, first: bytes) -> int:
    if encoding != "deflate":
        return 16 + zlib.MAX_WBITS
    # Half of the servers mean the bare stream by «deflate», half the one with a header.
    has_header = len(first) > 1 and first[0] & 0x0F == 8 and (first[0] * 256 + first[1]) % 31 == 0
    return zlib.MAX_WBITS if has_header else -zlib.MAX_WBITS
