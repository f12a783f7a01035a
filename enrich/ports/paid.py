"""The ledger of calls that cost money. It lies in Postgres, like `enrich.ports.runs`."""

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

from enrich.domain.paid import Asked, Booking, CallEnd, Doubt, Ruling, Spending
from enrich.domain.provider import Answer, ProviderSpec, Query
from enrich.domain.run import RunView
from enrich.ports.outside import Deadline

__all__ = ["KnowsCalls", "PaidCalls"]


class PaidCalls(Protocol):
    """Reserves paid calls before they are made and keeps their answers.

    When Postgres is down every method raises `DatabaseDownError` and nothing is reserved.
    """

    def reserve(
        self,
        run: RunView,
        spec: ProviderSpec,
        questions: Mapping[str, Asked],
        *,
        holder: str,
        hold_s: float,
        parks: bool,
    ) -> Mapping[str, Booking]:
        """Reserve many questions (by input key) in one statement; say how each stands.

        Whoever comes second finds the answer, or that the call is held. `hold_s` outlasts the
        calls: what has not ended by then counts as given up. With `parks` a call in doubt is left
        to a person. A question whose row is gone is not in the answer.
        """
        ...

    def note(
        self, tenant: str, holder: str, *, begun: Sequence[str] = (), ended: Mapping[str, CallEnd]
    ) -> frozenset[str]:
        """Write down what is about to be called and what has ended, in one statement.

        Gives the questions among both that were still the holder's; the others it has lost to
        somebody else, and nothing of them is changed. Of what it has lost to the erasing of a row
        the cost is booked, and no answer is kept.
        """
        ...

    def resolve(self, tenant: str, holder: str, questions: Sequence[str]) -> None:
        """Take back the doubt that was counted when the holder reserved these questions.

        For calls of which the provider says what came of them, or which it charges once.
        """
        ...

    def spent(self, tenant: str, scopes: Sequence[str]) -> Mapping[str, Spending]:
        """Add up what each scope has spent, and what is under way in it."""
        ...

    def costs(self, tenant: str, run_id: int) -> Mapping[str, int]:
        """Give what the calls that a run has made cost by provider, in micro-credits, above 0."""
        ...

    def doubts(
        self, tenant: str, *, run_id: int | None = None, unsettled: bool = False, limit: int = 100
    ) -> Sequence[Doubt]:
        """List the calls that may have been made twice; only those that still wait for somebody.

        The newest come first.
        """
        ...

    def settle(self, tenant: str, key: str, ruling: Ruling) -> None:
        """Decide a call in doubt. Raises `UnknownNameError` when none of that key is."""
        ...


@runtime_checkable
class KnowsCalls(Protocol):
    """A provider that can say what came of a call, by the key that was sent with it."""

    def look_up(self, queries: Sequence[Query], deadline: Deadline) -> Sequence[Answer | None]:
        """Say what came of each call, by its key; None where it was never made.

        An answer that is `Unavailable` leaves the doubt as it is; `NO_TRACE` says that it will
        stay one, and the rule for calls in doubt decides.
        """
        ...
