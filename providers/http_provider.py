"""A file of the catalogue becomes a provider: requests out of rows, outcomes out of replies.

Both are pure functions (`providers.spec`); here stands the sorting of rows into calls. Which key a
call is made with is the business of `providers.keyed`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from enrich.domain.callback import Callback, name_of_ticket
from enrich.domain.outcome import (
    DEADLINE,
    Gone,
    InvalidInput,
    Outcome,
    Pending,
    Skipped,
    Unavailable,
)
from enrich.domain.paid import NO_TRACE, CallState, end_state_of
from enrich.domain.provider import Answer, ProviderSpec, Query
from enrich.domain.values import microcredits_of
from enrich.errors import DatabaseDownError
from enrich.ports.outside import Clock, Credentials, Deadline
from providers.base import SystemClock
from providers.called_back import NO_ADDRESS, NO_RUN, CalledBack, Door
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
    """Rows that travel in one call: their places, the call, and how to read its reply.

    With `callback` the answer may be sent there later, to each row under its key.
    """

    places: Sequence[int]
    call: HttpCall
    read: Callable[[Reply], list[Outcome]]
    callback: Callback | None = None
    keys: Sequence[str] = ()


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
        door: Door | None = None,
    ) -> None:
        """Join a file and a client; `base_url` sends everything elsewhere, to a stand-in.

        Through `door` come the answers of those that send them.
        """
        self._http, self._base_url = http, base_url
        self._back = _called_back(http, door)
        self._calls = KeyedCalls(
            http, client=client, credentials=credentials, clock=clock or SystemClock()
        )

    @property
    def spec(self) -> ProviderSpec:
        """What it gives, needs and costs."""
        own = self._http.provider_spec
        # What an answer waits for says whether its question was asked.
        return replace(own, can_look_up=True) if self._back else own

    @property
    def http(self) -> HttpSpec:
        """The file it is made of."""
        return self._http

    def credential_id(self, tenant: str) -> str:
        """Name the keys that a tenant is asked with; empty when there are none."""
        return self._calls.credential_id(tenant)

    def key_count(self, tenant: str) -> int:
        """Say by how many keys a tenant's calls are made by turns."""
        return self._calls.key_count(tenant)

    def ask(self, queries: Sequence[Query], deadline: Deadline) -> Sequence[Answer]:
        """Ask about rows, as many in one call as the file allows; all of one tenant."""
        if self._http.state == "gone":
            return [free(Gone(self._http.successor)) for _ in queries]
        if self._http.answers_by_webhook_only and self._back is None:
            return [free(Skipped(NO_ADDRESS)) for _ in queries]
        answers: dict[int, Answer] = {}
        try:
            for group in self._groups(queries, answers):
                tenant = queries[group.places[0]].tenant
                told = self._told(group, tenant, deadline)
                if self._back and group.callback:
                    told = self._back.settled(tenant, group.callback, told, group.keys)
                answers |= dict(zip(group.places, told, strict=True))
        except DatabaseDownError:
            pass  # where answers are waited for; those that were not asked are asked again
        return [answers.get(place) or free(Skipped(DEADLINE)) for place in range(len(queries))]

    def look_up(self, queries: Sequence[Query], deadline: Deadline) -> Sequence[Answer | None]:
        """Say what came of each call, by its key; None where it was never made.

        What is no answer about the row is `Unavailable`: then nobody knows yet. Of what would
        have been sent to us, and was not, nobody can know more: `NO_TRACE`.
        """
        return [self._looked_up(query, deadline) for query in queries]

    def _looked_up(self, query: Query, deadline: Deadline) -> Answer | None:
        if self._back and query.token:
            return None  # it only reads what was sent
        if self._back and (waits := self._back.found(query)):
            (sent,) = self._answered(self._back, [waits])
            if not isinstance(sent.outcome, Unavailable):
                return sent
        if self._back and not self._http.provider_spec.can_look_up:
            return NO_TRACE
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
            if self._back and name_of_ticket(token):
                told = self._answered(self._back, [queries[place] for place in places])
                refused |= dict(zip(places, told, strict=True))
                continue
            yield from self._poll(token, places, queries, refused)
        if self._http.bulk and (len(fresh) > 1 or not self._http.request):
            yield from self._bulk(fresh, queries, refused)
            return
        for place in fresh:
            yield from self._single(place, queries[place], refused)

    def _single(self, place: int, query: Query, refused: dict[int, Answer]) -> Iterator[_Group]:
        asked = Asked(query.inputs)
        callback = self._callback([query], [""])
        if self._back and callback is None:
            refused |= _unasked({place: query})
            return
        url = self._url(callback)
        try:
            call = request_for(self._http, query.inputs, base_url=self._base_url, callback=url)
            call = with_key(self._http, call, [query.call_key])
        except BadValueError as exc:
            if self._back and callback:
                self._back.forget(query.tenant, callback)
            refused[place] = free(InvalidInput(str(exc)))
            return
        yield _Group((place,), call, lambda reply: [self._read_one(reply, asked)], callback, [""])

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
        if not asked:
            return
        them, keys = tuple(asked.values()), [each.key for each in asked.values()]
        callback = self._callback([queries[place] for place in asked], keys)
        if self._back and callback is None:
            refused |= _unasked({place: queries[place] for place in asked})
            return
        call = bulk_call(self._http, them, base_url=self._base_url, callback=self._url(callback))
        call = with_key(self._http, call, [queries[place].call_key for place in asked])
        read_all = partial(self._read_many, asked=them)
        yield _Group(tuple(asked), call, read_all, callback, keys)

    def _callback(self, queries: Sequence[Query], keys: Sequence[str]) -> Callback | None:
        return self._back.opened(queries, keys) if self._back else None

    def _url(self, callback: Callback | None) -> str | None:
        return self._back.url(callback) if self._back and callback else None

    def _answered(self, back: CalledBack, queries: Sequence[Query]) -> list[Answer]:
        return back.answers(queries, self._sent, self._calls.without_echo)

    def _sent(self, reply: Reply, them: Sequence[Asked]) -> list[Outcome]:
        """Read what the provider sent by itself, about one row or about many."""
        if any(one.key for one in them):
            return self._read_many(reply, them)
        return [self._read_one(reply, one) for one in them]

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
        yield _Group(places, call, lambda reply: self._sent(reply, them))

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


def _called_back(http: HttpSpec, door: Door | None) -> CalledBack | None:
    """Give what takes a provider's answers in; None when it is asked for them."""
    later = http.deferred
    if door is None or later is None or later.mode != "webhook":
        return None
    is_chosen = http.name in door.chosen and http.tells_where
    is_polled = later.poll is not None and not is_chosen
    return None if is_polled else CalledBack(http.name, door, wait_s=later.wait_s)


def _unasked(queries: Mapping[int, Query]) -> dict[int, Answer]:
    """Refuse what no run asks. Else a row was erased: the others are asked again, without it."""
    return {place: free(Skipped(NO_RUN)) for place, query in queries.items() if not query.run}


def _with_key(outcome: Outcome, key: str) -> Outcome:
    """Let a token remember by what its row is known among the others of its call."""
    if isinstance(outcome, Pending) and outcome.token:
        return Pending(outcome.retry_at, f"{key}@{outcome.token}")
    return outcome
