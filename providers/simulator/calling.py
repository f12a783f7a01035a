"""Answers that a vendor sends later, to the address that the question told."""

import threading
from dataclasses import dataclass
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, Request, build_opener

__all__ = ["Later", "call_back"]

_LOOPBACK = frozenset({"127.0.0.1", "localhost"})
_TIMEOUT_S = 10.0
_TRIES = 5
_PAUSE_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Later:
    """An answer, where it goes, after how long, and how many times in all."""

    url: str
    body: bytes
    content_type: str = "application/json"
    after_s: float = 0.0
    times: int = 1


def call_back(later: Later, stopping: threading.Event) -> threading.Thread:
    """Send an answer from a thread of its own, which ends early when `stopping` is set."""
    thread = threading.Thread(target=_send, args=(later, stopping), name="enrich-simulator-calls")
    thread.start()
    return thread


def _send(later: Later, stopping: threading.Event) -> None:
    if urlsplit(later.url).hostname not in _LOOPBACK or stopping.wait(later.after_s):
        return
    for _ in range(later.times):
        for _ in range(_TRIES):
            if _is_taken(later) or stopping.wait(_PAUSE_S):
                break


def _is_taken(later: Later) -> bool:
    """Send once; what is refused for good counts as taken, as with real vendors."""
    headers = {"Content-Type": later.content_type}
    request = Request(later.url, data=later.body, headers=headers, method="POST")  # noqa: S310 - http to loopback
    try:
        with build_opener(ProxyHandler({})).open(request, timeout=_TIMEOUT_S):
            return True
    except HTTPError as refused:
        refused.close()
        return refused.code < 500
    except OSError:
        return False
