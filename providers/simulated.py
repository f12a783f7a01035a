"""Providers whose answers are made up, for demonstrations, tests and benchmarks.

They cost (demo) credits, take time, fail, know only some rows and are sometimes wrong, as vendors
are. Everything is decided by a hash of seed, provider and inputs, so that a replay is equal. The
values are another provider's, some of them spoilt, or derived from the hash alone.
"""

import hashlib
import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from statistics import NormalDist

from enrich.domain.fields import FIELDS, FieldType
from enrich.domain.keys import digest, folded
from enrich.domain.outcome import Found, NotFound, Outcome, RateLimited, Skipped, Unavailable
from enrich.domain.provider import Answer, ProviderSpec, Query, one_call
from enrich.domain.values import Json, JsonObject, Observation, is_blank
from enrich.ports.outside import Clock, Deadline, Provider
from providers.base import DEADLINE, SystemClock

__all__ = ["SimulatedBehaviour", "SimulatedProvider", "Truth", "made_up", "truth_of"]

#: From the inputs of many rows to what is true of each; nothing known is an empty mapping.
Truth = Callable[[Sequence[JsonObject]], Sequence[Mapping[str, Json]]]

_RETRY_AFTER_S = 1.0
_TRUTH_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedBehaviour:
    """How a simulated provider behaves; rates are shares of rows, within 0 and 1.

    Attributes:
        latency_s: median of a call's time; a call carries up to the spec's `bulk_size` rows.
        latency_sigma: spread of the time's logarithm; 0 makes every call take the median.
        failure_rate: calls about a row that end `Unavailable`.
        coverage: rows that it knows, of those that its truth knows.
        wrongness: values that it gets wrong.
        rate_limited_rate: rows that it puts off.
    """

    latency_s: float = 0.2
    latency_sigma: float = 0.4
    failure_rate: float = 0.0
    coverage: float = 1.0
    wrongness: float = 0.0
    rate_limited_rate: float = 0.0
    seed: int = 1


class SimulatedProvider:
    """A provider that behaves as told. Raises `ValueError` for a spec that does not say so."""

    def __init__(
        self,
        spec: ProviderSpec,
        behaviour: SimulatedBehaviour,
        *,
        truth: Truth | None = None,
        clock: Clock | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Join a spec and a behaviour; without a `truth` all values come from the hash."""
        if not spec.simulated:
            msg = f"provider {spec.name} is simulated, and its spec must say so"
            raise ValueError(msg)
        self._spec, self._behaviour = spec, behaviour
        self._truth = truth or made_up(tuple(spec.gives))
        self._clock, self._sleep = clock or SystemClock(), sleep

    @property
    def spec(self) -> ProviderSpec:
        """What it gives, needs and (in demo credits) costs."""
        return self._spec

    def ask(self, queries: Sequence[Query], deadline: Deadline) -> Sequence[Answer]:
        """Answer after a call's time for each `bulk_size` rows, sleeping up to the deadline."""
        answers: list[Answer] = []
        for start in range(0, len(queries), self._spec.bulk_size):
            answers += self._call(queries[start : start + self._spec.bulk_size], deadline)
        return answers

    def _call(self, queries: Sequence[Query], deadline: Deadline) -> list[Answer]:
        left_s = deadline.left_s(self._clock)
        if left_s <= 0:
            return [Answer(outcome=Skipped(DEADLINE), calls=0) for _ in queries]
        keys = [self._key(query.inputs) for query in queries]
        latency_s = self._latency_s(keys[0])
        self._sleep(min(latency_s, left_s))
        if latency_s > left_s:
            late = Unavailable("timed out")
            return one_call([Answer(outcome=late, latency_s=left_s) for _ in queries])
        truths = self._truth([query.inputs for query in queries])
        return one_call(
            Answer(outcome=self._outcome(key, truth), latency_s=latency_s)
            for key, truth in zip(keys, truths, strict=True)
        )

    def _key(self, inputs: JsonObject) -> str:
        text = json.dumps(folded(inputs), sort_keys=True, ensure_ascii=False)
        return digest((str(self._behaviour.seed), self._spec.name, text))

    def _latency_s(self, key: str) -> float:
        spread = NormalDist().inv_cdf(_share(key, "latency"))
        return self._behaviour.latency_s * math.exp(self._behaviour.latency_sigma * spread)

    def _outcome(self, key: str, truth: Mapping[str, Json]) -> Outcome:
        behaviour = self._behaviour
        if _share(key, "rate limit") < behaviour.rate_limited_rate:
            return RateLimited(self._clock.now() + timedelta(seconds=_RETRY_AFTER_S))
        if _share(key, "failure") < behaviour.failure_rate:
            return Unavailable("simulated failure")
        if _share(key, "coverage") >= behaviour.coverage:
            return NotFound()
        observations = {
            field: self._observation(key, field, truth[field])
            for field in self._spec.gives
            if not is_blank(truth.get(field))
        }
        return Found(observations) if observations else NotFound()

    def _observation(self, key: str, field: str, value: Json) -> Observation:
        """Give the value or a wrong one; what it says of its confidence does not tell which."""
        wrong = _share(key, field, "wrong") < self._behaviour.wrongness
        said = (1.0 - self._behaviour.wrongness) * (0.9 + 0.1 * _share(key, field, "confidence"))
        told = _spoilt(field, value, _share(key, field, "spoilt")) if wrong else value
        return Observation(value=told, confidence=round(said, 3))


def truth_of(provider: Provider, *, clock: Clock | None = None) -> Truth:
    """Make a truth of another provider's answers."""

    def truth(rows: Sequence[JsonObject]) -> Sequence[Mapping[str, Json]]:
        deadline = Deadline((clock or SystemClock()).monotonic_s() + _TRUTH_S)
        queries = [Query(row=number, inputs=inputs) for number, inputs in enumerate(rows)]
        return [_values(answer.outcome) for answer in provider.ask(queries, deadline)]

    return truth


def made_up(fields: Sequence[str]) -> Truth:
    """Make a truth that needs no data: values of each field's type, by a hash of the inputs."""

    def truth(rows: Sequence[JsonObject]) -> Sequence[Mapping[str, Json]]:
        keys = [digest((json.dumps(folded(row), sort_keys=True),)) for row in rows]
        return [{field: _invented(field, key) for field in fields} for key in keys]

    return truth


def _values(outcome: Outcome) -> dict[str, Json]:
    match outcome:
        case Found(observations=observations):
            return {field: seen.value for field, seen in observations.items()}
        case _:
            return {}


def _share(*parts: str) -> float:
    """Give a number above 0 and below 1 that depends on the parts alone."""
    raw = hashlib.sha256("\x1f".join(parts).encode()).digest()
    return (int.from_bytes(raw[:7]) + 0.5) / 2.0**56


def _invented(field: str, key: str) -> Json:
    share = _share(key, field)
    word = digest((key, field))[:8]
    match FIELDS[field].type:
        case FieldType.YEAR:
            return 1850 + int(share * 170)
        case FieldType.NUMBER:
            return int(10 ** (1 + 4 * share))
        case FieldType.FLAG:
            return share < 0.5
        case FieldType.URL:
            return f"https://www.{word}.example"
        case FieldType.DOMAIN:
            return f"{word}.example"
        case FieldType.EMAIL:
            return f"info@{word}.example"
        case _:
            return f"{field} {word}"


def _spoilt(field: str, value: Json, share: float) -> Json:
    """Give a wrong value that looks like a right one; always another than `value`."""
    match value:
        case bool():
            return not value
        case int() if FIELDS[field].type is FieldType.YEAR:
            return value + (1 + int(share * 9)) * (-1 if share < 0.5 else 1)
        case int() | float():
            return round(value * (1.3 + share)) + 1
        case str() if FIELDS[field].type in (FieldType.URL, FieldType.DOMAIN, FieldType.EMAIL):
            head, dot, tail = value.rpartition(".")
            return f"{head}-online{dot}{tail}" if dot else f"{value}-online"
        case str():
            return f"{value} {('Group', 'Partners', 'East', 'International')[int(share * 4)]}"
        case _:
            return f"{value}"
