"""A trace as a tree with times: where the milliseconds of a piece of work went."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["NotedSpan", "Trace", "traces_of", "tree_of"]

_NS_PER_MS = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class NotedSpan:
    """A piece of work that has ended; moments are nanoseconds of the wall clock."""

    trace: str
    id: str
    parent: str
    name: str
    began_ns: int
    ended_ns: int
    facts: Mapping[str, Any] = field(default_factory=dict)
    failed: bool = False

    @property
    def took_ms(self) -> float:
        """How long it took, in milliseconds."""
        return (self.ended_ns - self.began_ns) / _NS_PER_MS


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """All spans of one trace, the earliest first."""

    id: str
    spans: tuple[NotedSpan, ...]

    @property
    def began_ns(self) -> int:
        """When the first span began."""
        return self.spans[0].began_ns

    @property
    def took_ms(self) -> float:
        """From the first beginning to the last end, in milliseconds."""
        return (max(span.ended_ns for span in self.spans) - self.began_ns) / _NS_PER_MS

    @property
    def name(self) -> str:
        """What it is about: the name of its first span."""
        return self.spans[0].name


def traces_of(spans: Iterable[NotedSpan]) -> tuple[Trace, ...]:
    """Sort spans into traces, the newest first."""
    by_trace: dict[str, list[NotedSpan]] = defaultdict(list)
    for span in spans:
        by_trace[span.trace].append(span)
    found = (Trace(id=name, spans=tuple(_in_order(many))) for name, many in by_trace.items())
    return tuple(sorted(found, key=lambda trace: (-trace.began_ns, trace.id)))


def tree_of(trace: Trace) -> Iterator[tuple[str, NotedSpan, float]]:
    """Give line by line the branch that is drawn before a span, the span, and when it began.

    That is in milliseconds after the first. A span whose parent was not noted stands at the top.
    """
    known = {span.id for span in trace.spans}
    children: dict[str, list[NotedSpan]] = defaultdict(list)
    for span in trace.spans:
        children[span.parent if span.parent in known else ""].append(span)
    for line, span in _lines(children, "", "", is_top=True):
        yield line, span, (span.began_ns - trace.began_ns) / _NS_PER_MS


def _lines(
    children: Mapping[str, Sequence[NotedSpan]], parent: str, before: str, *, is_top: bool
) -> Iterator[tuple[str, NotedSpan]]:
    own = children.get(parent, ())
    for place, span in enumerate(own):
        is_last = place == len(own) - 1
        branch = "" if is_top else ("└─ " if is_last else "├─ ")
        below = "" if is_top else ("   " if is_last else "│  ")
        yield before + branch, span
        yield from _lines(children, span.id, before + below, is_top=False)


def _in_order(spans: Iterable[NotedSpan]) -> list[NotedSpan]:
    return sorted(spans, key=lambda span: (span.began_ns, span.ended_ns, span.id))
