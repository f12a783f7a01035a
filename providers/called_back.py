"""Providers that send their answers by themselves: the address that they are told, and the answers.

What is waited for lies in Postgres, so it does not matter who asked, who takes the answer in, and
which of them dies in between.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from enrich.domain.callback import (
    Callback,
    NewCallback,
    name_of_ticket,
    new_name,
    signed_name,
    ticket_of,
)
from enrich.domain.outcome import Outcome, Pending, Unavailable
from enrich.domain.provider import Answer, Query
from enrich.errors import DatabaseDownError
from enrich.ports.callbacks import Callbacks
from providers.exchange import Reply
from providers.spec.reading import Asked

__all__ = ["NO_ADDRESS", "NO_RUN", "CalledBack", "Door"]

NO_ADDRESS = "it answers to an address of ours only; set ENRICH_CALLBACKS__URL"
NO_RUN = "it answers to runs only"
_TIMED_OUT = "timed out: its answer was not sent to us"
_NOT_DONE = "what it sent is no answer yet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """Where answers are sent, and who keeps them. Nobody waits longer than `longest_s`.

    `chosen` names the providers that could be polled and shall send their answers all the same.
    """

    base_url: str
    secret: str = field(repr=False)
    kept: Callbacks
    longest_s: float
    chosen: frozenset[str] = frozenset()


class CalledBack:
    """The answers of one provider; `opened`, `answers`, `found` raise `DatabaseDownError`."""

    def __init__(self, provider: str, door: Door, *, wait_s: float) -> None:
        self._provider, self._door = provider, door
        self._wait_s = min(wait_s, door.longest_s)

    def opened(self, queries: Sequence[Query], keys: Sequence[str]) -> Callback | None:
        """Wait for one answer to all of these questions.

        None when no run asks them, or when one of their rows was erased.
        """
        first = queries[0]
        if not first.run:
            return None
        pairs = zip(queries, keys, strict=True)
        new = NewCallback(
            name=new_name(),
            tenant=first.tenant,
            run_id=first.run,
            provider=self._provider,
            rows=tuple(query.row for query in queries),
            wait_s=self._wait_s,
            calls={query.call_key: key for query, key in pairs if query.call_key},
        )
        return self._door.kept.open(new)

    def url(self, callback: Callback) -> str:
        """Give the address that the provider is told."""
        return f"{self._door.base_url}/v1/callbacks/{signed_name(callback.name, self._door.secret)}"

    def settled(
        self, tenant: str, callback: Callback, told: Sequence[Answer], keys: Sequence[str]
    ) -> list[Answer]:
        """Let rows that are worked on wait for the answer; where none are, nobody waits for it."""
        if not any(isinstance(answer.outcome, Pending) for answer in told):
            self.forget(tenant, callback)
            return list(told)
        return [
            replace(answer, outcome=Pending(callback.expires_at, ticket_of(callback.name, key)))
            if isinstance(answer.outcome, Pending)
            else answer
            for answer, key in zip(told, keys, strict=True)
        ]

    def answers(
        self,
        queries: Sequence[Query],
        read: Callable[[Reply, Sequence[Asked]], Sequence[Outcome]],
        checked: Callable[[Sequence[Answer], Reply, str], list[Answer]],
    ) -> list[Answer]:
        """Answer questions of one job from what was sent: `read`, then `checked`."""
        kept = self._door.kept.read(queries[0].tenant, name_of_ticket(queries[0].job) or "")
        if kept is None or (kept.body is None and kept.is_late):
            return [_uncalled(Unavailable(_TIMED_OUT)) for _ in queries]
        if kept.body is None:
            return [_uncalled(Pending(kept.expires_at, query.token)) for query in queries]
        them = [Asked(query.inputs, query.token.partition("@")[0]) for query in queries]
        reply = _reply(kept)
        told = [Answer(outcome=each, calls=0) for each in _final(read(reply, them))]
        return checked(told, reply, queries[0].tenant)

    def found(self, query: Query) -> Query | None:
        """Give a paid question with the ticket of what it waits for; None when no trace is left.

        None does not say that it was never asked: what was answered at once, and what was waited
        for long ago, are forgotten as well.
        """
        known = self._door.kept.find(query.tenant, query.call_key)
        return None if known is None else replace(query, token=ticket_of(*known))

    def forget(self, tenant: str, callback: Callback) -> None:
        """Wait no longer; when the database is away it expires by itself."""
        try:
            self._door.kept.forget(tenant, callback.name)
        except DatabaseDownError:
            return


def _reply(kept: Callback) -> Reply:
    at = kept.answered_at or kept.expires_at
    headers = {"content-type": kept.content_type or "application/json"}
    return Reply(status=200, headers=headers, body=kept.body or b"", at=at, calls=0)


def _final(outcomes: Sequence[Outcome]) -> list[Outcome]:
    return [Unavailable(_NOT_DONE) if isinstance(each, Pending) else each for each in outcomes]


def _uncalled(outcome: Outcome) -> Answer:
    return Answer(outcome=outcome, cost_microcredits=0, calls=0)
