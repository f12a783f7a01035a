"""Vectors of an OpenAI-compatible server: `POST <url>/embeddings`, within our rules of HTTP."""

import base64
import binascii
import json
import logging
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from math import isfinite
from typing import Any

from enrich.domain.calls import CallReport, report_of
from enrich.domain.outcome import (
    InvalidInput,
    Malformed,
    Outcome,
    RateLimited,
    Unauthorized,
    Unavailable,
    reason_of,
)
from enrich.errors import EmbedderDownError
from enrich.ports.outside import Clock, Credentials, Deadline
from enrich.ports.shared import Breakers
from enrich.ports.vectors import Vector
from providers.credentials import EMBEDDINGS
from providers.exchange import HttpCall, HttpFault, NotJsonError, Reply, parse_json
from providers.http import HttpClient
from providers.spec.model import Retry, Timeouts

__all__ = ["HttpEmbedder"]

log = logging.getLogger("enrich.providers")

_RETRY = Retry(attempts=2, on="unavailable", pause_s=0.2)
_LONGEST = 16_384
#: A server that says "too many" is left alone for so long.
_REST = timedelta(seconds=30)
#: How servers refuse a text, nearly always because it is longer than their model reads.
_REFUSED = frozenset({400, 413, 422})
#: No text is cut to fewer characters.
_SHORTEST = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpEmbedder:
    """The port `Embedder` over HTTP; its breaker is shared by all workers."""

    model: str
    url: str
    client: HttpClient
    credentials: Credentials
    breakers: Breakers
    clock: Clock
    batch_texts: int = 8
    timeout_s: float = 10.0

    def embed(self, texts: Sequence[str]) -> Sequence[Vector]:
        """Give a vector for each text; the port's promise."""
        vectors: list[Vector] = []
        for start in range(0, len(texts), self.batch_texts):
            vectors += self._embedded(texts[start : start + self.batch_texts])
        return vectors

    def _embedded(self, texts: Sequence[str]) -> list[Vector]:
        permit = self.breakers.acquire(self._breaker)
        if not permit.granted:
            raise EmbedderDownError(f"the embedding model {self.model!r} is left alone for now")
        ended = self._asked(texts)
        if isinstance(ended, list):
            self.breakers.report(self._breaker, permit, CallReport(successes=1))
            return ended
        if isinstance(ended, InvalidInput):
            if smaller := _halved(texts):
                self.breakers.report(self._breaker, permit, CallReport(ignored=1))
                return [vector for some in smaller for vector in self._embedded(some)]
            # It takes no text at all: that is its own fault.
            ended = Malformed(ended.reason)
        self.breakers.report(self._breaker, permit, report_of([(ended, 0.0)]))
        reason = reason_of(ended) or ended.kind.value
        raise EmbedderDownError(f"the embedding model {self.model!r}: {reason}")

    @property
    def _breaker(self) -> str:
        return f"embeddings:{self.model}"

    def _asked(self, texts: Sequence[str]) -> list[Vector] | Outcome:
        """Give the vectors, or how it went wrong."""
        deadline = Deadline(self.clock.monotonic_s() + self.timeout_s)
        times = Timeouts(read_s=self.timeout_s, total_s=self.timeout_s)
        reply = self.client.send(self._call(texts), deadline=deadline, timeouts=times, retry=_RETRY)
        if isinstance(reply, HttpFault):
            return reply.outcome
        if reply.status != 200:
            return _refusal(reply)
        try:
            return _vectors(reply, len(texts))
        except (NotJsonError, ValueError, TypeError, LookupError, binascii.Error, struct.error):
            return Malformed("its answer is not as agreed")

    def _call(self, texts: Sequence[str]) -> HttpCall:
        # Base64 is a third of the size; who does not know it sends numbers.
        body = {"model": self.model, "input": list(texts), "encoding_format": "base64"}
        keys = self.credentials.get("default", EMBEDDINGS)
        return HttpCall(
            method="POST",
            url=f"{self.url}/embeddings",
            headers={"Content-Type": "application/json", "Accept": "application/json"},
            body=json.dumps(body).encode(),
            secret_headers={"Authorization": f"Bearer {keys[0].reveal()}"} if keys else {},
        )


def _halved(texts: Sequence[str]) -> Sequence[Sequence[str]]:
    """Part texts that were refused together; a single one is cut to its first half, or given up.

    So a text that is too long holds up no other, and is found by how it begins.
    """
    middle = len(texts) // 2
    if middle:
        return texts[:middle], texts[middle:]
    (text,) = texts
    shorter = text[: len(text) // 2]
    if len(shorter) < _SHORTEST:
        return ()
    log.info("embeddings.shortened", extra={"characters": len(shorter)})
    return ([shorter],)


def _refusal(reply: Reply) -> Outcome:
    if reply.status == 429:
        return RateLimited(reply.at + _REST)
    if reply.status in {401, 403}:
        return Unauthorized()
    reason = f"status {reply.status}"
    if reply.status in _REFUSED:
        return InvalidInput(reason)
    return Unavailable(reason) if reply.status >= 500 else Malformed(reason)


def _vectors(reply: Reply, count: int) -> list[Vector]:
    document: Any = parse_json(reply.body)
    entries = sorted(document["data"], key=lambda entry: int(entry["index"]))
    vectors = [_numbers(entry["embedding"]) for entry in entries]
    lengths = {len(vector) for vector in vectors}
    if len(vectors) != count or len(lengths) != 1 or not 0 < lengths.pop() <= _LONGEST:
        raise ValueError("not as many vectors of one length as texts")
    if not all(isfinite(number) for vector in vectors for number in vector):
        raise ValueError("a number that is not finite")
    return vectors


def _numbers(given: Any) -> Vector:
    if isinstance(given, str):
        raw = base64.b64decode(given, validate=True)
        return struct.unpack(f"<{len(raw) // 4}f", raw)
    return [float(number) for number in given]
