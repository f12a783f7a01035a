"""HTTP as it comes over a connection: parsed in C, with a limit to what stands before a body."""

import sys

from httptools import HttpParserInvalidMethodError
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

__all__ = ["BoundedHttp"]

_MOST_HEAD_BYTES = 16_384
_TOLD = (
    b'{"type":"about:blank","title":"Method Not Allowed","status":405,"detail":"no such method"}'
)
_NO_METHOD = (
    b"HTTP/1.1 405 Method Not Allowed\r\nallow: DELETE, GET, POST\r\nconnection: close\r\n"
    b"content-type: application/problem+json\r\ncontent-length: %d\r\n\r\n%b"
) % (len(_TOLD), _TOLD)


class _HeadError(Exception):
    """A head that is refused with 400."""


class BoundedHttp(HttpToolsProtocol):
    """Uvicorn's protocol, which knows no limit and asks for no `Host`."""

    _head_bytes = 0
    _heads = 0
    _in_head = False
    _has_asked = False

    def data_received(self, data: bytes) -> None:
        """Take what has come, unless it goes on with a head that does not end."""
        before = self._heads
        super().data_received(data)
        if not self._in_head or self._heads != before:
            return
        self._head_bytes += len(data)
        if self._head_bytes > _MOST_HEAD_BYTES and not self.transport.is_closing():
            self.send_400_response("The head of the request is too long.")

    def send_400_response(self, msg: str) -> None:
        """Say that it is no HTTP, or that nobody knows the method, and end the connection."""
        if self._has_asked and not self.cycle.response_complete:
            # What stands before it is answered first.
            self.cycle.keep_alive = False
            self.flow.pause_reading()
            return
        if isinstance(sys.exc_info()[1], HttpParserInvalidMethodError):
            self.transport.write(_NO_METHOD)
            self.transport.close()
            return
        super().send_400_response(msg)

    def on_message_begin(self) -> None:
        """Begin to count."""
        self._head_bytes, self._heads, self._in_head = 0, self._heads + 1, True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Refuse what is too long or names not one host; the parser's caller answers."""
        self._in_head = False
        names = [name for name, _ in self.headers]
        length = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        is_old = self.parser.get_http_version() == "1.0"
        if length > _MOST_HEAD_BYTES or not (is_old or names.count(b"host") == 1):
            raise _HeadError
        super().on_headers_complete()
        self._has_asked = True
