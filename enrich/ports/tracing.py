"""Where the time of a piece of work went, as a tree of spans; and the tracer that notes nothing."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final, Literal, Protocol, TypeAlias, TypeVar

__all__ = ["NO_TRACES", "Fact", "Kind", "Span", "Tracer"]

T = TypeVar("T")

#: What may be said of a span: names and numbers, never the value of a cell, a key or an address.
Fact: TypeAlias = str | int | float | bool
Kind: TypeAlias = Literal["internal", "client", "producer", "consumer", "server"]


class Span(Protocol):
    """A piece of work that is under way."""

    def set(self, facts: Mapping[str, Fact]) -> None:
        """Say more about it."""
        ...

    def end(self, *, error: str = "") -> None:
        """End it, for those that `Tracer.begin` gave; `error` is the name of what went wrong."""
        ...


class Tracer(Protocol):
    """Notes spans. Never raises, never blocks: a trace may be lost, work not."""

    def span(
        self,
        name: str,
        facts: Mapping[str, Fact] | None = None,
        *,
        kind: Kind = "internal",
        parent: Mapping[str, str] | None = None,
    ) -> AbstractContextManager[Span]:
        """Note what the block does, under the span around it, or under one that was carried here.

        Of an exception that leaves the block its class is noted, not its words.
        """
        ...

    def begin(self, name: str, facts: Mapping[str, Fact] | None = None) -> Span:
        """Note a call out, under the span around it; outside of any nothing is noted."""
        ...

    def carried(self) -> dict[str, str]:
        """Give the headers by which another process goes on under the span around this."""
        ...

    def bound(self, call: Callable[[], T]) -> Callable[[], T]:
        """Give the same call for another thread, under the span around this."""
        ...

    def flush(self) -> None:
        """Send what has not been sent yet; within seconds."""
        ...


class _NoSpan:
    """A span that is not noted."""

    def set(self, facts: Mapping[str, Fact]) -> None:
        """Do nothing."""

    def end(self, *, error: str = "") -> None:
        """Do nothing."""


_NO_SPAN: Final = _NoSpan()
_NO_BLOCK: Final = nullcontext(_NO_SPAN)


class _NoTraces:
    """The tracer of those who did not ask for traces: each use costs a call and no more."""

    def span(self, *_: Any, **__: Any) -> AbstractContextManager[Span]:
        return _NO_BLOCK

    def begin(self, *_: Any) -> Span:
        return _NO_SPAN

    def carried(self) -> dict[str, str]:
        return {}

    def bound(self, call: Callable[[], T]) -> Callable[[], T]:
        return call

    def flush(self) -> None:
        return None


NO_TRACES: Final[Tracer] = _NoTraces()
