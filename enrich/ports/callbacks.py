"""Answers that providers send by themselves. They lie in Postgres, like `enrich.ports.runs`."""

from typing import Protocol

from enrich.domain.callback import Callback, NewCallback, Received

__all__ = ["Callbacks"]


class Callbacks(Protocol):
    """Keeps what comes until its question is asked for again.

    When Postgres is down every method raises `DatabaseDownError` and nothing has changed: whoever
    sends an answer then is told to send it again.
    """

    def open(self, new: NewCallback) -> Callback | None:
        """Wait for an answer from now on; done before the question leaves.

        None when a row that it is about was erased: then nothing is waited for.
        """
        ...

    def read(self, tenant: str, name: str) -> Callback | None:
        """Say how it stands; None when none of that name is. May be read again and again."""
        ...

    def find(self, tenant: str, call: str) -> tuple[str, str] | None:
        """Give the name of what a paid call waits for, the newest, and its row's key within."""
        ...

    def forget(self, tenant: str, name: str) -> None:
        """Wait no longer for an answer that has not come."""
        ...

    def receive(self, name: str, *, body: bytes, content_type: str) -> Received:
        """Keep what was sent to a name, once; wakes the batches that wait for it.

        Nothing is changed when it came before, too late, or when its run is not under way.
        """
        ...

    def wake(self) -> int:
        """Wake batches whose answers came before they began to wait; gives how many.

        Forgets what nobody can be waiting for any more.
        """
        ...
