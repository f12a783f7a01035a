"""Where webhooks and their messages lie, and who carries the messages."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from enrich.domain.secret import Secret
from enrich.domain.values import JsonObject
from enrich.domain.webhook import Delivery, Webhook

__all__ = ["Messenger", "Webhooks"]


class Webhooks(Protocol):
    """Webhooks by tenant. When Postgres is down every method raises `DatabaseDownError`."""

    def add(self, tenant: str, url: str, secret: Secret) -> Webhook:
        """Keep a webhook with what its messages are signed with. Raises `SealedError`."""
        ...

    def all(self, tenant: str) -> Sequence[Webhook]:
        """List a tenant's webhooks, oldest first."""
        ...

    def remove(self, tenant: str, webhook: str) -> bool:
        """Forget a webhook with its messages; False when there is none."""
        ...

    def listeners(self, run: int) -> tuple[str, int]:
        """Give whose run it is, and how many webhooks its tenant has; "" for one that is gone."""
        ...

    def note_run(self, run: int, report: JsonObject) -> int:
        """Put down for its tenant's webhooks that a run has ended; gives how many.

        The same end, which may be reported twice, is put down once.
        """
        ...

    def take_due(self, *, lease_s: float, limit: int = 50) -> Sequence[Delivery]:
        """Take messages whose moment has come, and count the attempt.

        Whoever dies with one gives it back after `lease_s`. Two takers share them.
        """
        ...

    def note(self, tenant: str, delivery: int, *, reason: str, retry_s: float | None) -> None:
        """Say how a message went: without a reason it arrived; without a pause it is dead."""
        ...

    def deliveries(
        self, tenant: str, webhook: str, *, limit: int, before: int | None = None
    ) -> Sequence[Delivery]:
        """List a webhook's messages, newest first. Raises `UnknownNameError`."""
        ...

    def replay(self, tenant: str, delivery: int) -> bool:
        """Send a message again, whatever became of it; False when there is none."""
        ...


class Messenger(Protocol):
    """Carries messages to addresses that tenants name."""

    def check(self, url: str) -> None:
        """Refuse an address that no message goes to. Raises `BadInputError`."""
        ...

    def send(self, url: str, headers: Mapping[str, str], body: bytes, *, timeout_s: float) -> str:
        """Send a message; gives why it did not arrive, nothing when it did."""
        ...
