"""Embedders by the name of their model, made when one is first needed."""

import threading
from typing import TYPE_CHECKING

from enrich.errors import EmbedderDownError
from enrich.ports.outside import Clock, Credentials
from enrich.ports.shared import Breakers
from enrich.ports.vectors import Embedder
from providers.embedding.hashing import HASHING, HashingEmbedder

if TYPE_CHECKING:
    from providers.http import HttpClient

__all__ = ["LateEmbedders"]


class LateEmbedders:
    """The port `Embedders`; `close` gives back the connections."""

    def __init__(
        self,
        *,
        wanted: str,
        url: str | None,
        previous_url: str | None,
        credentials: Credentials,
        breakers: Breakers,
        clock: Clock,
        batch_texts: int,
        timeout_s: float,
    ) -> None:
        """Open nothing yet; models other than `wanted` are asked at `previous_url` if it is set."""
        self.wanted, self._url, self._credentials = wanted, url, credentials
        self._previous_url = previous_url or url
        self._breakers, self._clock = breakers, clock
        self._batch_texts, self._timeout_s = batch_texts, timeout_s
        self._lock = threading.Lock()
        self._client: HttpClient | None = None  # under the lock

    def get(self, model: str) -> Embedder:
        """Give the embedder of a model.

        Raises `EmbedderDownError` for one of a server when the settings name none.
        """
        if model == HASHING:
            return HashingEmbedder()
        url = self._url if model == self.wanted else self._previous_url
        if url is None:
            raise EmbedderDownError(
                f"the embedding model {model!r} is of a server, and ENRICH_EMBEDDINGS__URL "
                "names none"
            )
        # A third of a second, which only those pay who ask over the network.
        from providers.embedding.http import HttpEmbedder

        return HttpEmbedder(
            model=model,
            url=url,
            client=self._opened(),
            credentials=self._credentials,
            breakers=self._breakers,
            clock=self._clock,
            batch_texts=self._batch_texts,
            timeout_s=self._timeout_s,
        )

    def _opened(self) -> "HttpClient":
        from providers.http import HttpClient

        with self._lock:
            if self._client is None:
                self._client = HttpClient(clock=self._clock)
            return self._client

    def close(self) -> None:
        """Give back the connections; the next use opens new ones."""
        with self._lock:
            if self._client is not None:
                self._client.close()
                self._client = None
