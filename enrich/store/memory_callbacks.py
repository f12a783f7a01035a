"""Answers that providers send by themselves, in memory; with the meaning of those in PostgreSQL."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from enrich.domain.callback import Callback, NewCallback, Receipt, Received
from enrich.domain.run import RunState
from enrich.store.memory import MemoryDatabase
from enrich.store.memory_model import MemoryBatch

__all__ = ["MemoryCallbacks"]


@dataclass(slots=True)
class _Kept:
    """One answer; it is open while it has no body."""

    new: NewCallback
    expires_at: datetime
    body: bytes | None = None
    content_type: str = ""
    answered_at: datetime | None = None
    is_read: bool = False


class MemoryCallbacks:
    """The port `Callbacks` in memory."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._db = database
        self._kept: dict[str, _Kept] = database.callbacks

    def open(self, new: NewCallback) -> Callback | None:
        """Wait for an answer from now on; None when a row that it is about was erased."""
        with self._db.lock:
            if not self._db.present(new.tenant, new.rows).issuperset(new.rows):
                return None
            kept = _Kept(new, self._db.now() + timedelta(seconds=new.wait_s))
            self._kept[new.name] = kept
            return self._callback(kept)

    def read(self, tenant: str, name: str) -> Callback | None:
        """Say how it stands; None when none of that name is."""
        with self._db.lock:
            kept = self._kept.get(name)
            if kept is None or kept.new.tenant != tenant:
                return None
            kept.is_read = kept.body is not None
            return self._callback(kept)

    def find(self, tenant: str, call: str) -> tuple[str, str] | None:
        """Give the name of what a paid call waits for, the newest, and its row's key within."""
        with self._db.lock:
            for kept in reversed(self._kept.values()):
                if kept.new.tenant == tenant and call in kept.new.calls:
                    return kept.new.name, kept.new.calls[call]
            return None

    def forget(self, tenant: str, name: str) -> None:
        """Wait no longer for an answer that has not come."""
        with self._db.lock:
            kept = self._kept.get(name)
            if kept is not None and kept.new.tenant == tenant and kept.body is None:
                del self._kept[name]

    def receive(self, name: str, *, body: bytes, content_type: str) -> Received:
        """Keep what was sent to a name, once; wakes the batches that wait for it."""
        with self._db.lock:
            kept = self._kept.get(name)
            if kept is None:
                return Received(receipt=Receipt.UNKNOWN)
            if not self._is_open(kept) or not self._is_under_way(kept):
                return Received(receipt=Receipt.CLOSED, provider=kept.new.provider)
            kept.body, kept.content_type = body, content_type
            kept.answered_at = self._db.now()
            woken = self._woken(kept.new.run_id)
            return Received(receipt=Receipt.TAKEN, provider=kept.new.provider, woken=woken)

    def wake(self) -> int:
        """Wake batches whose answers came before they began to wait; gives how many."""
        with self._db.lock:
            over = self._db.now() - timedelta(days=1)
            for name in [n for n, each in self._kept.items() if each.expires_at < over]:
                del self._kept[name]
            return sum(map(self._woken, {each.new.run_id for each in self._kept.values()}))

    def _is_open(self, kept: _Kept) -> bool:
        return kept.body is None and kept.expires_at > self._db.now()

    def _is_under_way(self, kept: _Kept) -> bool:
        run = self._db.runs.get(kept.new.run_id)
        return run is not None and run.state is RunState.RUNNING

    def _woken(self, run_id: int) -> int:
        now, run = self._db.now(), self._db.runs.get(run_id)
        waiting = [b for b in run.batches if _waits(b, now)] if run else []
        told = [batch for batch in waiting if self._is_told(run_id, batch)]
        for batch in told:
            batch.lease_until = now
            batch.lost -= 1
        return len(told)

    def _is_told(self, run_id: int, batch: MemoryBatch) -> bool:
        mine = [
            each
            for each in self._kept.values()
            if each.new.run_id == run_id and not set(each.new.rows).isdisjoint(batch.rows)
        ]
        unread = sum(each.body is not None and not each.is_read for each in mine)
        return unread >= max(1, sum(map(self._is_open, mine)))

    def _callback(self, kept: _Kept) -> Callback:
        return Callback(
            name=kept.new.name,
            expires_at=kept.expires_at,
            is_late=kept.expires_at <= self._db.now(),
            body=kept.body,
            content_type=kept.content_type,
            answered_at=kept.answered_at,
        )


def _waits(batch: MemoryBatch, now: datetime) -> bool:
    is_later = batch.ready_at is not None and batch.ready_at > now
    return is_later and batch.lease_until is not None and batch.lease_until > now
