"""Clock, providers, the queue and the counters."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

from enrich.domain.provider import Answer, ProviderSpec, Query
from enrich.domain.run import Step
from enrich.domain.secret import Secret
from enrich.domain.table import Column

__all__ = [
    "Clock",
    "Credentials",
    "Deadline",
    "Dispatcher",
    "Keyed",
    "Prompter",
    "Provider",
    "Recorder",
]


class Clock(Protocol):
    """Time, so that tests can pass it in."""

    def now(self) -> datetime:
        """Give the moment: aware, UTC."""
        ...

    def monotonic_s(self) -> float:
        """Give seconds that never go back."""
        ...


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment of the monotonic clock by which a call out must have ended."""

    at_monotonic_s: float

    def left_s(self, clock: Clock) -> float:
        """Say how long is left; never negative."""
        return max(0.0, self.at_monotonic_s - clock.monotonic_s())


class Provider(Protocol):
    """One source of fields."""

    @property
    def spec(self) -> ProviderSpec:
        """What it gives, needs and costs."""
        ...

    def ask(self, queries: Sequence[Query], deadline: Deadline) -> Sequence[Answer]:
        """Ask about up to a batch of rows; give one answer a query, in their order.

        Whatever goes wrong outside is an outcome. An exception is a bug in the provider; the engine
        records it as `Malformed` for every row of the call. Called from several threads at once.
        """
        ...


class Prompter(Protocol):
    """Makes a provider of each column that a language model fills."""

    def providers(self, columns: Sequence[Column]) -> Mapping[str, Provider]:
        """Give them by name, of those of a table's columns that have a prompt.

        A prompt whose columns are no longer there makes none. They share their connections.
        """
        ...

    def close(self) -> None:
        """Give back the connections."""
        ...


class Credentials(Protocol):
    """Keys by reference: a provider's file names a credential, and only this knows its value."""

    def get(self, tenant: str, name: str) -> Sequence[Secret]:
        """Give a tenant's keys of this name, else everybody's, in the order in which to try them.

        Empty when there are none. Never raises; reads memory, and once a minute the store.
        """
        ...


@runtime_checkable
class Keyed(Protocol):
    """A provider that is asked with credentials: some of them may be refused and others not."""

    def credential_id(self, tenant: str) -> str:
        """Name what a tenant is asked with, telling none of it; empty when there is nothing.

        Other keys have another name, and so a breaker of their own.
        """
        ...

    def key_count(self, tenant: str) -> int:
        """Say by how many keys a tenant's calls are made by turns; those that rest do not count."""
        ...


class Dispatcher(Protocol):
    """The queue: carries steps to whoever does them."""

    def dispatch(self, steps: Sequence[Step]) -> None:
        """Send steps. Called after the commit that made them due.

        A lost connection raises `BrokerDownError` within 2 s; nothing is lost, because the batches'
        leases run out and the sweep sends them again.
        """
        ...


class Recorder(Protocol):
    """Counters and timings. Never raises, never blocks for long: metrics may be lost, work not."""

    def count(self, name: str, amount: int = 1, labels: Mapping[str, str] | None = None) -> None:
        """Add to a counter."""
        ...

    def observe(
        self,
        name: str,
        seconds: float,
        labels: Mapping[str, str] | None = None,
        *,
        times: int = 1,
    ) -> None:
        """Add a duration to a histogram, that many times."""
        ...
