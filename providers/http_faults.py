"""What the library's exceptions mean for us: the one table, and how an exception finds its line."""

import http.client
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

import requests.exceptions as of_requests
import urllib3.exceptions as of_urllib3

from enrich.domain.outcome import InvalidInput, Malformed, Unavailable
from providers.exchange import HttpFault
from providers.guard import RefusedAddressError
from providers.wire import HeadersTooLargeError

__all__ = ["TABLE", "Meaning", "fault_of"]


class _Blame(Enum):
    """Who is at fault: the provider that is down, what it sent, or what a row asks for."""

    UNAVAILABLE = "unavailable"
    MALFORMED = "malformed"
    INVALID_INPUT = "invalid_input"


_OUTCOMES: Mapping[_Blame, Callable[[str], Unavailable | Malformed | InvalidInput]] = {
    _Blame.UNAVAILABLE: Unavailable,
    _Blame.MALFORMED: Malformed,
    _Blame.INVALID_INPUT: InvalidInput,
}


@dataclass(frozen=True, slots=True)
class Meaning:
    """What an exception means: our own words for it, and whether the request may have arrived."""

    reason: str
    blame: _Blame = _Blame.UNAVAILABLE
    is_sent: bool = True

    @property
    def fault(self) -> HttpFault:
        """The value that it becomes."""
        outcome = _OUTCOMES[self.blame](self.reason)
        return HttpFault(outcome=outcome, is_sent=self.is_sent)


_LATE = Meaning("timed out")
_LATE_TO_CONNECT = Meaning("connecting timed out", is_sent=False)
_NO_CONNECTION = Meaning("no connection", is_sent=False)
_NO_NAME = Meaning("its name does not resolve", is_sent=False)
_NO_TLS = Meaning("no secure connection", is_sent=False)
_BROKEN = Meaning("the connection broke off")
_FAILED = Meaning("the call failed")
_BAD_BODY = Meaning("the body cannot be decoded", _Blame.MALFORMED)
_BAD_REPLY = Meaning("the reply is no HTTP", _Blame.MALFORMED)
_TOO_LARGE = Meaning("the headers are too large", _Blame.MALFORMED)
_OURS = Meaning("the request cannot be sent", is_sent=False)
_NO_CALL = Meaning("a warning", is_sent=False)

_REQUESTS: Mapping[type[BaseException], Meaning] = {
    of_requests.RequestException: _FAILED,
    of_requests.HTTPError: _FAILED,
    of_requests.ConnectionError: _BROKEN,
    of_requests.ProxyError: _NO_CONNECTION,
    of_requests.SSLError: _NO_TLS,
    of_requests.Timeout: _LATE,
    of_requests.ConnectTimeout: _LATE_TO_CONNECT,
    of_requests.ReadTimeout: _LATE,
    of_requests.URLRequired: _OURS,
    of_requests.TooManyRedirects: Meaning("too many redirects", _Blame.MALFORMED),
    of_requests.MissingSchema: _OURS,
    of_requests.InvalidSchema: _OURS,
    of_requests.InvalidURL: _OURS,
    of_requests.InvalidHeader: _OURS,
    of_requests.InvalidProxyURL: _OURS,
    of_requests.InvalidJSONError: _OURS,
    of_requests.JSONDecodeError: _BAD_BODY,
    of_requests.ChunkedEncodingError: _BROKEN,
    of_requests.ContentDecodingError: _BAD_BODY,
    of_requests.StreamConsumedError: _FAILED,
    of_requests.RetryError: _FAILED,
    of_requests.UnrewindableBodyError: _OURS,
    of_requests.RequestsWarning: _NO_CALL,
    of_requests.FileModeWarning: _NO_CALL,
    of_requests.RequestsDependencyWarning: _NO_CALL,
}
_URLLIB3: Mapping[type[BaseException], Meaning] = {
    of_urllib3.HTTPError: _FAILED,
    of_urllib3.PoolError: _FAILED,
    of_urllib3.RequestError: _FAILED,
    of_urllib3.SSLError: _NO_TLS,
    of_urllib3.ProxyError: _NO_CONNECTION,
    of_urllib3.DecodeError: _BAD_BODY,
    of_urllib3.ProtocolError: _BROKEN,
    of_urllib3.MaxRetryError: _FAILED,
    of_urllib3.HostChangedError: Meaning("a redirect to another host", _Blame.MALFORMED),
    of_urllib3.TimeoutStateError: _FAILED,
    of_urllib3.TimeoutError: _LATE,
    of_urllib3.ReadTimeoutError: _LATE,
    of_urllib3.ConnectTimeoutError: _LATE_TO_CONNECT,
    of_urllib3.NewConnectionError: _NO_CONNECTION,
    of_urllib3.NameResolutionError: _NO_NAME,
    of_urllib3.EmptyPoolError: _OURS,
    of_urllib3.FullPoolError: _OURS,
    of_urllib3.ClosedPoolError: _OURS,
    of_urllib3.LocationValueError: _OURS,
    of_urllib3.LocationParseError: _OURS,
    of_urllib3.URLSchemeUnknown: _OURS,
    of_urllib3.ResponseError: _FAILED,
    of_urllib3.SecurityWarning: _NO_CALL,
    of_urllib3.InsecureRequestWarning: _NO_CALL,
    of_urllib3.NotOpenSSLWarning: _NO_CALL,
    of_urllib3.SystemTimeWarning: _NO_CALL,
    of_urllib3.InsecurePlatformWarning: _NO_CALL,
    of_urllib3.DependencyWarning: _NO_CALL,
    of_urllib3.HTTPWarning: _NO_CALL,
    of_urllib3.ResponseNotChunked: _BAD_REPLY,
    of_urllib3.BodyNotHttplibCompatible: _BAD_REPLY,
    of_urllib3.IncompleteRead: Meaning("the body broke off"),
    of_urllib3.InvalidChunkLength: _BAD_REPLY,
    of_urllib3.InvalidHeader: _BAD_REPLY,
    of_urllib3.ProxySchemeUnknown: _OURS,
    of_urllib3.ProxySchemeUnsupported: _OURS,
    of_urllib3.HeaderParsingError: _BAD_REPLY,
    of_urllib3.UnrewindableBodyError: _OURS,
}
_SYSTEM: Mapping[type[BaseException], Meaning] = {
    OSError: _BROKEN,
    TimeoutError: _LATE,
    ssl.SSLError: _NO_TLS,
    socket.gaierror: _NO_NAME,
    UnicodeError: _OURS,
    http.client.HTTPException: _BAD_REPLY,
    http.client.IncompleteRead: Meaning("the body broke off"),
    http.client.RemoteDisconnected: _BROKEN,
    HeadersTooLargeError: _TOO_LARGE,
    RefusedAddressError: Meaning("its address is not public", _Blame.INVALID_INPUT, is_sent=False),
}

#: Every exception that a call can end in.
TABLE: Mapping[type[BaseException], Meaning] = {**_SYSTEM, **_URLLIB3, **_REQUESTS}

#: They only wrap: the exception within says what happened.
_WRAPPERS = (
    of_requests.ConnectionError,
    of_requests.RequestException,
    of_requests.ChunkedEncodingError,
    of_urllib3.MaxRetryError,
    of_urllib3.ProtocolError,
)


def fault_of(exc: BaseException) -> HttpFault:
    """Say what an exception of a call means; the innermost cause that the table knows speaks."""
    causes = list(_causes(exc))
    innermost = causes[-1]
    for kind in type(innermost).__mro__:
        if kind in TABLE:
            return TABLE[kind].fault
    return _FAILED.fault


def _causes(exc: BaseException) -> Iterator[BaseException]:
    """Give an exception and what it wraps, outermost first."""
    for _ in range(8):
        yield exc
        within = [getattr(exc, "reason", None), *exc.args]
        inner = [each for each in within if isinstance(each, BaseException)]
        if type(exc) not in _WRAPPERS or not inner:
            return
        exc = inner[0]
