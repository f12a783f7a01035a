"""A language model that is set up when a column first needs it: most tables never do."""

import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from enrich.domain.table import Column
from enrich.ports.outside import Credentials, Provider
from providers.base import SystemClock
from providers.credentials import LLM
from providers.llm.terms import ModelTerms

if TYPE_CHECKING:
    from providers.http import HttpClient
    from providers.llm.prompter import ColumnPrompter
    from providers.spec.file import HttpSpec

__all__ = ["LatePrompter"]

#: The file of the catalogue that says how Together AI is reached and what its statuses mean.
_NAMED = "together_ai"


class LatePrompter:
    """Makes the providers of columns with a prompt; `close` gives back its connections."""

    def __init__(
        self, terms: ModelTerms, credentials: Credentials, *, simulator: str | None = None
    ) -> None:
        """Open nothing yet; at `simulator` Together AI is simulated."""
        self._terms, self._credentials = terms, credentials
        self._simulator = simulator
        self._lock = threading.Lock()
        self._made: tuple[ColumnPrompter, HttpClient] | None = None  # under the lock

    def providers(self, columns: Sequence[Column]) -> Mapping[str, Provider]:
        """Give the providers of those of the columns that have a prompt."""
        with self._lock:
            if self._made is None:
                self._made = self._make()
        return self._made[0].providers(columns)

    def close(self) -> None:
        """Give back the connections; the next use opens new ones."""
        with self._lock:
            if self._made is not None:
                self._made[1].close()
                self._made = None

    def _make(self) -> "tuple[ColumnPrompter, HttpClient]":
        # A third of a second, which only those pay who ask over the network.
        from providers.http import HttpClient
        from providers.keyed import KeyedCalls
        from providers.llm.prompter import ColumnPrompter

        http, client = self._http(), HttpClient()
        calls = KeyedCalls(http, client=client, credentials=self._credentials, clock=SystemClock())
        return ColumnPrompter(http, self._terms, calls), client

    def _http(self) -> "HttpSpec":
        from providers.catalogued import elsewhere
        from providers.spec.loading import CATALOGUE, load
        from providers.spec.model import Auth

        http = load(CATALOGUE / f"{_NAMED}.toml")
        if self._terms.max_concurrent is not None:
            http = http.model_copy(update={"max_concurrent": self._terms.max_concurrent})
        if self._terms.base_url is not None:
            # What is Together AI's stays with it: its key, and the limits of its accounts.
            # The name of another server's key is what its calls are counted under, too.
            auth = Auth(kind="bearer", credential=LLM, optional=True)
            own = {"name": LLM, "base_url": self._terms.base_url, "auth": auth, "limits": ()}
            return http.model_copy(update=own)
        return elsewhere(http, self._simulator) if self._simulator else http
