"""What local providers share: a function from a row's inputs to an outcome becomes a provider.

Their data lie in packages. Those are imported where they are first needed, inside the `load`
functions, so that listing the providers costs nothing.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Generic, TypeVar

from enrich.domain.outcome import DEADLINE, Found, NotFound, Outcome, Skipped
from enrich.domain.provider import Answer, ProviderSpec, Query
from enrich.domain.values import Json, JsonObject, Observation, is_blank
from enrich.ports.outside import Clock, Deadline

__all__ = ["DEADLINE", "LocalProvider", "Once", "SystemClock", "observed", "text_of"]

T = TypeVar("T")

_ANY_ROWS = 1_000_000


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Give the moment: aware, UTC."""
        return datetime.now(UTC)

    def monotonic_s(self) -> float:
        """Give seconds that never go back."""
        return time.monotonic()


class Once(Generic[T]):
    """A value that is made at first use, once a process, whoever asks first."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._made: tuple[T] | None = None  # written once, under the lock

    def __call__(self) -> T:
        """Give the value; the first caller makes it while the others wait."""
        if self._made is None:
            with self._lock:
                if self._made is None:
                    self._made = (self._make(),)
        return self._made[0]


class LocalProvider(Generic[T]):
    """A provider whose data are in this process: free, and quick after the first question."""

    def __init__(
        self,
        spec: ProviderSpec,
        *,
        load: Callable[[], T],
        read: Callable[[T, JsonObject], Outcome],
        clock: Clock | None = None,
    ) -> None:
        """Join a spec, what loads the data and what reads one row's answer from them."""
        # One call answers for as many rows as there are: nothing travels.
        self._spec = replace(spec, bulk_size=_ANY_ROWS)
        self._read, self._clock = read, clock or SystemClock()
        self._data = Once(load)

    @property
    def spec(self) -> ProviderSpec:
        """What it gives and needs."""
        return self._spec

    def warm(self) -> None:
        """Load the data now, so that the first question does not wait for them."""
        self._data()

    def ask(self, queries: Sequence[Query], deadline: Deadline) -> Sequence[Answer]:
        """Answer one query after the other, unless the deadline has passed before the first.

        The first question of a process waits for the data; they are ours, so it is answered then.
        """
        if deadline.left_s(self._clock) <= 0:
            return [Answer(outcome=Skipped(DEADLINE), calls=0) for _ in queries]
        data = self._data()
        return [self._answer(data, query) for query in queries]

    def _answer(self, data: T, query: Query) -> Answer:
        started_s = self._clock.monotonic_s()
        outcome = self._read(data, query.inputs)
        # Nothing leaves this process: a look-up is no call.
        return Answer(outcome=outcome, latency_s=self._clock.monotonic_s() - started_s, calls=0)


def observed(
    priors: Mapping[str, float], values: Mapping[str, Json], *, certainty: float = 1.0
) -> Outcome:
    """Make an outcome of values: those that are blank are left out, none at all is not found.

    Each value's confidence is its field's prior times `certainty`, which says how sure it is that
    the right thing was looked up.
    """
    observations = {
        name: Observation(value=value, confidence=round(priors[name] * certainty, 4))
        for name, value in values.items()
        if not is_blank(value) and value != []
    }
    return Found(observations) if observations else NotFound()


def text_of(inputs: Mapping[str, Json], field: str) -> str:
    """Give an input as trimmed text; empty when the row lacks it or it is not text or a number."""
    value = inputs.get(field)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return str(value).strip()
