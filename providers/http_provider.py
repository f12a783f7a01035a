"""A file of the catalogue becomes a provider: requests out of rows, outcomes out of replies.

Both are pure functions (`providers.spec`); here stands the sorting of rows into calls. Which key a
call is made with is the business of `providers.keyed`.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from enrich.domain.outcome import (
    Gone,
    InvalidInput,
    Outcome,
    Pending,
    Unavailable,
)
from enrich.domain.paid import CallState, end_state_of
from enrich.domain.provider import Answer, ProviderSpec, Query
from enrich.domain.values import microcredits_of
from enrich.ports.outside import Clock, Credentials, Deadline
from providers.base import SystemClock
from providers.exchange import HttpCall, Reply
from providers.http import HttpClient
from providers.keyed import KeyedCalls, free
from providers.spec.asking import (
    bulk_call,
    key_of,
    lookup_call,
    poll_call,
    question_of,
    request_for,
    with_key,
)
from providers.spec.bulk import read_bulk
from providers.spec.file import HttpSpec
from providers.spec.reading import Asked, read
from providers.spec.template import BadValueError

__all__ = ["HttpProvider"]


@dataclass(frozen=True, slots=True)
class _Group:
    """Rows that travel in one call: their places, the call, and how to read its reply."""

    places: Sequence[int]
    call: HttpCall
    read: Callable[[Reply], list[Outcome]]


class HttpProvider:
    """One HTTP provider, as its file describes it."""

    def __init__(
        self,
        http: HttpSpec,
        *,
        client: HttpClient,
        credentials: Credentials,
        clock: Clock | None = None,
        base_url: str | None = None,
    ) -> None:
        """Join a file and a client; `base_url` sends everything elsewhere, to a stand-in."""
        self._http, self._base_url = http, base_url
        self._calls = KeyedCalls(
            http, client=client, credentials=credentials, clock=clock or SystemClock()
        )

    @property
    def spec(self) -> ProviderSpec:
        """What it gives, needs and costs."""
        return self._http.provider_spec

    @property
    def http(self) -> HttpSpec:
        """The file it is made of."""
        return self._http

    def credential_id(self, tenant: str) -> str:
        """Name the keys that a tenant is asked with; empty when there are none."""
        return self._calls.credential_id(tenant)

    def ask(self, queries: Sequence[Query], deadline: Deadline) -> Sequence[Answer]:
        """Ask about rows, as many in one call as the file allows; all of one tenant."""
        if self._http.state == "gone":
            return [free(Gone(self._http.successor)) for _ in queries]
        answers: dict[int, Answer] = {}
        for group in self._groups(queries, answers):
            tenant = queries[group.places[0]].tenant
            told = self._told(group, tenant, deadline)
            answers |= dict(zip(group.places, told, strict=True))
        return [answers[place] for place in range(len(queries))]

    def look_up(self, queries: Sequence[Query], deadline: Deadline) -> Sequence[Answer | None]:
        """Say what came of each call, by its key; None where it was never made.

        What is no answer about the row is `Unavailable`: then nobody knows yet.
        """
        return [self._looked_up(query, deadline) for query in queries]

    def _looked_up(self, query: Query, deadline: Deadline) -> Answer | None:
        unknown = self._http.idempotency.unknown if self._http.idempotency else ()
        asked, never = Asked(query.inputs), Gone()

        def read_it(reply: Reply) -> list[Outcome]:
            return [never if reply.status in unknown else self._read_one(reply, asked)]

        call = lookup_call(self._http, query.call_key, base_url=self._base_url)
        (answer,) = self._told(_Group((0,), call, read_it), query.tenant, deadline)
        if answer.outcome is never:
            return None
        if end_state_of(answer.outcome) is CallState.ANSWERED:
            return answer
        return replace(answer, outcome=Unavailable("cannot tell now"))

    def _groups(self, queries: Sequence[Query], refused: dict[int, Answer]) -> Iterator[_Group]:
        """Sort rows into calls; what cannot be sent is answered into `refused` at once."""
        fresh = [place for place, query in enumerate(queries) if not query.token]
        begun: dict[str, list[int]] = {}
        for place, query in enumerate(queries):
            if query.token:
                begun.setdefault(query.job, []).append(place)
        for token, places in begun.items():
            yield from self._poll(token, places, queries, refused)
        if self._http.bulk and (len(fresh) > 1 or not self._http.request):
            yield from self._bulk(fresh, queries, refused)
            return
        for place in fresh:
            yield from self._single(place, queries[place], refused)

    def _single(self, place: int, query: Query, refused: dict[int, Answer]) -> Iterator[_Group]:
        asked = Asked(query.inputs)
        try:
            call = request_for(self._http, query.inputs, base_url=self._base_url)
            call = with_key(self._http, call, [query.call_key])
        except BadValueError as exc:
            refused[place] = free(InvalidInput(str(exc)))
            return
        yield _Group((place,), call, lambda reply: [self._read_one(reply, asked)])

    def _bulk(
        self, places: Sequence[int], queries: Sequence[Query], refused: dict[int, Answer]
    ) -> Iterator[_Group]:
        asked: dict[int, Asked] = {}
        for place in places:
            inputs = queries[place].inputs
            try:
                one = Asked(inputs, key_of(self._http, inputs, place))
                question_of(self._http, one)
                asked[place] = one
            except BadValueError as exc:
                refused[place] = free(InvalidInput(str(exc)))
        if asked:
            them = tuple(asked.values())
            call = bulk_call(self._http, them, base_url=self._base_url)
            call = with_key(self._http, call, [queries[place].call_key for place in asked])
            yield _Group(tuple(asked), call, lambda reply: self._read_many(reply, them))

    def _poll(
        self,
        token: str,
        places: Sequence[int],
        queries: Sequence[Query],
        refused: dict[int, Answer],
    ) -> Iterator[_Group]:
        keys = [queries[place].token.partition("@")[0] for place in places]
        them = [Asked(queries[place].inputs, key) for place, key in zip(places, keys, strict=True)]
        try:
            call = poll_call(self._http, token, base_url=self._base_url)
        except BadValueError as exc:
            refused |= {place: free(InvalidInput(str(exc))) for place in places}
            return
        if any(keys):
            yield _Group(places, call, lambda reply: self._read_many(reply, them))
        else:
            yield _Group(places, call, lambda reply: [self._read_one(reply, each) for each in them])

    def _read_one(self, reply: Reply, asked: Asked) -> Outcome:
        return _with_key(read(self._http, reply, asked), "")

    def _read_many(self, reply: Reply, asked: Sequence[Asked]) -> list[Outcome]:
        outcomes = read_bulk(self._http, reply, asked)
        return [_with_key(each, one.key) for each, one in zip(outcomes, asked, strict=True)]

    def _told(self, group: _Group, tenant: str, deadline: Deadline) -> list[Answer]:
        def answers(reply: Reply) -> list[Answer]:
            cost = self._spent(reply) if len(group.places) == 1 else None
            return [Answer(outcome=o, cost_microcredits=cost) for o in group.read(reply)]

        rows = len(group.places)
        return self._calls.make(group.call, answers, rows=rows, tenant=tenant, deadline=deadline)

    def _spent(self, reply: Reply) -> int | None:
        """Read what the provider says that the call took; None leaves it to the file's rule."""
        header = self._http.price.spent_header
        said = reply.headers.get(header.lower(), "") if header else ""
        try:
            units = float(said)
        except ValueError:
            return None
        is_sound = 0 <= units <= 1000
        return microcredits_of(units * self._http.price.credits) if is_sound else None


def _with_key(outcome: Outcome, key: str) -> Outcome:
    """Let a token remember by what its row is known among the others of its call."""
    if isinstance(outcome, Pending) and outcome.token:
        return Pending(outcome.retry_at, f"{key}@{outcome.token}")
    return outcome
