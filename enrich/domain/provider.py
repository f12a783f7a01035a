"""What is known about a provider before it is asked."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import lru_cache
from itertools import groupby

from enrich.domain.outcome import Found, Malformed, NotFound, Outcome, OutcomeKind
from enrich.domain.rate import RateLimit
from enrich.domain.tokens import TokenPrice
from enrich.domain.values import Json, JsonObject, is_blank

__all__ = [
    "Answer",
    "Charge",
    "ProviderSpec",
    "Query",
    "Tier",
    "call_sizes",
    "charged",
    "is_hit",
    "one_call",
]


class Tier(StrEnum):
    """How dear a provider is: free and cheap are probed in parallel, premium only when needed."""

    FREE = "free"
    CHEAP = "cheap"
    PREMIUM = "premium"


class Charge(StrEnum):
    """When a provider takes its price."""

    ON_HIT = "on_hit"
    ON_CALL = "on_call"


#: Outcomes for which a provider that charges on call has done no work that it may charge.
_NEVER_CHARGED = frozenset(
    {
        OutcomeKind.SKIPPED,
        OutcomeKind.RATE_LIMITED,
        OutcomeKind.CREDITS_EXHAUSTED,
        OutcomeKind.UNAUTHORIZED,
        OutcomeKind.UNAVAILABLE,
        OutcomeKind.GONE,
        OutcomeKind.PENDING,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSpec:
    """A provider's name, price, fields and needs.

    Attributes:
        version: goes into every key; a new one voids what is cached of the old one.
        gives: field to prior confidence (0 to 1) of a value that comes without one of its own.
        inputs: alternatives; a row can be asked about when it has all fields of any one of them.
        optional_inputs: fields that are sent along when the row has them.
        family: providers of one family resell the same source, so their votes count once.
        timeout_s: for one call about up to `bulk_size` rows.
        bulk_size: rows that one call may carry.
        limits_are_of_keys: they hold for each key by itself; else for all calls together.
        max_concurrent: calls that one probe may have under way at once.
        limits: what it allows, all of them at once.
        data_date: when a provider with data of its own was compiled, ISO; empty when it is live.
        simulated: its answers are made up for demonstrations and tests.
        hedge: the same question may be asked twice at once: it is free, or billed once by its key.
        account: under whose name its calls are limited and its health is judged; its own if empty.
        tokens: what it charges by length; `price_microcredits` is a usual question's then.
        takes_key: it knows a repeated call by the key that is sent along, and charges it once.
        can_look_up: it can be asked by that key what came of a call.
        in_doubt: `call_again` or `park`, where the setting does not fit this provider.
    """

    name: str
    version: str
    tier: Tier
    gives: Mapping[str, float]
    inputs: tuple[frozenset[str], ...]
    optional_inputs: frozenset[str] = frozenset()
    price_microcredits: int = 0
    charge: Charge = Charge.ON_HIT
    family: str = ""
    licence: str = ""
    source: str = ""
    data_date: str = ""
    timeout_s: float = 10.0
    bulk_size: int = 1
    limits: tuple[RateLimit, ...] = ()
    limits_are_of_keys: bool = False
    max_concurrent: int = 8
    ttl_s: int | None = None
    negative_ttl_s: int | None = None
    simulated: bool = False
    hedge: bool = False
    account: str = ""
    tokens: TokenPrice | None = None
    takes_key: bool = False
    can_look_up: bool = False
    in_doubt: str = ""

    def __post_init__(self) -> None:
        if self.price_microcredits < 0:
            msg = f"provider {self.name}: its price must not be negative"
            raise ValueError(msg)
        if not self.gives or not self.inputs:
            msg = f"provider {self.name}: it must give a field and need an input"
            raise ValueError(msg)
        is_billed_once = self.charge is Charge.ON_HIT and self.takes_key
        if self.hedge and (self.bulk_size > 1 or (self.is_paid and not is_billed_once)):
            msg = f"provider {self.name}: hedge is for single questions that are not billed twice"
            raise ValueError(msg)

    def can_ask_with(self, fields: Iterable[str]) -> bool:
        """Say whether a row that has these fields can be asked about."""
        have = frozenset(fields)
        return any(needed <= have for needed in self.inputs)

    def inputs_of(self, known: Mapping[str, Json]) -> JsonObject:
        """Pick from a row's known fields what this provider is sent, in the order of names."""
        wanted = _names_in(self.inputs, self.optional_inputs)
        return {name: known[name] for name in wanted if not is_blank(known.get(name))}

    @property
    def is_paid(self) -> bool:
        """Say whether a call to it may cost money."""
        return self.price_microcredits > 0 or self.tokens is not None

    @property
    def gate(self) -> str:
        """Under which name breaker and governor know it."""
        return self.account or self.name

    @property
    def at_once(self) -> int:
        """How many questions leave the moment they are reserved; 0 where a limit makes calls wait.

        The others are written down when their calls begin.
        """
        return 0 if self.limits else self.bulk_size * self.max_concurrent

    def most_for(self, inputs: Mapping[str, Json]) -> int:
        """Say what one question with these inputs costs at most, in micro-credits."""
        return self.tokens.most(inputs) if self.tokens else self.price_microcredits

    def cost_of(self, outcome: Outcome) -> int:
        """Say what one answer costs by the provider's rule, in micro-credits."""
        if self.charge is Charge.ON_HIT:
            return self.price_microcredits if is_hit(outcome) else 0
        return 0 if outcome.kind in _NEVER_CHARGED else self.price_microcredits


def is_hit(outcome: Outcome) -> bool:
    """Say whether a provider that charges on hit takes its price: a record came, of use or not."""
    match outcome:
        case NotFound(is_hit=is_charged) | Malformed(is_hit=is_charged):
            return is_charged
        case _:
            return isinstance(outcome, Found)


# Not frozen, as other values that come by the million: see `Observation`.
@dataclass(slots=True, kw_only=True, unsafe_hash=True)
class Query:
    """One row's question: its inputs by field, and the fields wanted.

    Attributes:
        tenant: whose credential it is asked with.
        token: what the provider gave when it began to work on this very question; empty at first.
            `KEY@JOB` where it works on the questions of one call as one job.
        call_key: the name of the call that it is paid with; empty when it costs nothing.
        run: the run that asks; 0 when none does.
    """

    row: int
    inputs: JsonObject
    wanted: frozenset[str] = field(default=frozenset())
    tenant: str = "default"
    token: str = ""
    call_key: str = ""
    run: int = 0

    @property
    def job(self) -> str:
        """Name the work that was begun on it; rows of one job are asked about in one call."""
        return self.token.partition("@")[2] or self.token


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came of one query, in the order of the queries.

    `cost_microcredits` is None when the provider's own rule says the price. `calls` is how many
    requests left for it: rows that travelled together count theirs at the first of them.
    """

    outcome: Outcome
    latency_s: float = 0.0
    cost_microcredits: int | None = None
    calls: int = 1


def charged(spec: ProviderSpec, answer: Answer) -> int:
    """Say what an answer cost, in micro-credits: as it says itself, else by the provider's rule."""
    if answer.cost_microcredits is not None:
        return answer.cost_microcredits
    return spec.cost_of(answer.outcome)


@lru_cache(maxsize=1024)
def _names_in(inputs: tuple[frozenset[str], ...], more: frozenset[str]) -> tuple[str, ...]:
    return tuple(sorted(frozenset().union(*inputs, more)))


def one_call(answers: Iterable[Answer], *, calls: int = 1) -> list[Answer]:
    """Give the answers of rows that travelled together: the first of them bears the calls."""
    return [replace(answer, calls=0 if place else calls) for place, answer in enumerate(answers)]


def call_sizes(spec: ProviderSpec, queries: Iterable[Query]) -> list[int]:
    """Cut queries, those of one job next to each other, into calls; give their lengths."""
    sizes = []
    for _, same in groupby(queries, key=lambda query: query.job):
        rows = len(list(same))
        sizes += [min(spec.bulk_size, rows - first) for first in range(0, rows, spec.bulk_size)]
    return sizes
