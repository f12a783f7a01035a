"""Paid calls in memory: reserved and noted as in PostgreSQL, under the lock of the database."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from enrich.domain.paid import (
    Asked,
    Booking,
    CallEnd,
    CallState,
    Doubt,
    Hold,
    Ruling,
    Scope,
    Spending,
    Verdict,
    call_key,
)
from enrich.domain.provider import ProviderSpec
from enrich.domain.run import RunView
from enrich.errors import UnknownNameError
from enrich.store.memory import MemoryDatabase

__all__ = ["MemoryPaidCalls"]

_ENDED = frozenset({CallState.ANSWERED, CallState.FAILED})


@dataclass(slots=True)
class _Call:
    """One generation of a question."""

    tenant: str
    table: str
    provider: str
    run: int
    row: int
    price: int
    reserved_at: datetime
    state: CallState = CallState.FREE
    holder: str = ""
    call: str = ""
    doubts: int = 0
    held_until: datetime | None = None
    begun: bool = False
    ended_at: datetime | None = None
    end: CallEnd | None = None
    cost: int = 0

    def is_over(self, now: datetime) -> bool:
        """Say whether whoever reserved it has given it up."""
        lapsed = self.held_until is not None and self.held_until <= now
        return self.state is CallState.RESERVED and lapsed

    def waits(self, now: datetime) -> bool:
        """Say whether it is in doubt."""
        return self.state is CallState.PARKED or (self.is_over(now) and self.begun)

    def is_live(self, now: datetime) -> bool:
        """Say whether somebody is at it."""
        return self.state is CallState.RESERVED and not self.is_over(now)


class MemoryPaidCalls:
    """The port `PaidCalls` in memory; give it the database of the other stores."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._db = database

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
        """Reserve many questions; say how each stands."""
        bookings = {}
        with self._db.lock:
            until = self._db.now() + timedelta(seconds=hold_s)
            for place, (key, asked) in enumerate(questions.items()):
                if asked.row not in self._db.table(run.tenant, run.table).rows:
                    continue
                call = self._newest(key, run, spec, asked)
                doubtful = call.is_over(self._db.now()) and call.begun
                if doubtful:
                    call.doubts += 1
                if doubtful and parks:
                    call.state, call.held_until = CallState.PARKED, None
                elif self._may_take(call, run):
                    call.state, call.holder, call.held_until = CallState.RESERVED, holder, until
                    call.call = f"{holder}/{place // spec.bulk_size}"
                    call.run, call.row, call.price = run.id, asked.row, asked.price_microcredits
                    call.reserved_at, call.begun = self._db.now(), doubtful or place < spec.at_once
                    call.ended_at = call.end = None
                bookings[key] = self._booking(key, call, holder, doubtful=doubtful)
        return bookings

    def _newest(self, key: str, run: RunView, spec: ProviderSpec, asked: Asked) -> _Call:
        calls = self._db.paid.setdefault(key, [])
        if not calls or self._is_past(calls[-1], run):
            fresh = _Call(
                run.tenant, run.table, spec.name, run.id, asked.row, asked.price_microcredits,
                self._db.now(),
            )  # fmt: skip
            calls.append(fresh)
        newest = calls[-1]
        assert isinstance(newest, _Call)  # noqa: S101 - told to the type checker
        return newest

    def _is_past(self, call: _Call, run: RunView) -> bool:
        if call.run == run.id:
            return False
        if call.state is CallState.FAILED:
            return call.cost > 0
        began = self._db.runs[run.id].started_at
        return call.state is CallState.ANSWERED and (call.ended_at or began) <= began

    def _may_take(self, call: _Call, run: RunView) -> bool:
        failed_before = call.state is CallState.FAILED and call.run != run.id
        return call.state is CallState.FREE or failed_before or call.is_over(self._db.now())

    def _booking(self, key: str, call: _Call, holder: str, *, doubtful: bool) -> Booking:
        if call.state is CallState.RESERVED and call.holder == holder:
            verdict = Verdict.DOUBTFUL if doubtful else Verdict.OURS
        elif call.state is CallState.PARKED or (call.state in _ENDED and call.end is None):
            verdict = Verdict.PARKED
        else:
            verdict = Verdict.KNOWN if call.state in _ENDED else Verdict.HELD
        name = call_key(key, len(self._db.paid[key]))
        return Booking(verdict=verdict, key=name, until=call.held_until, end=call.end)

    def note(
        self, tenant: str, holder: str, *, begun: Sequence[str] = (), ended: Mapping[str, CallEnd]
    ) -> frozenset[str]:
        """Write down what is about to be called and what has ended; gives what was still ours."""
        with self._db.lock:
            asked = (*begun, *ended)
            ours = {key: call for key in asked if (call := self._held(tenant, key, holder))}
            for key, call in ours.items():
                if key not in ended:
                    call.begun = True
                    continue
                self._end(call, ended[key])
            lost = [end for key, end in ended.items() if key not in ours]
            # Of a row that was erased: booked on any call that its holder still has about nobody.
            for call, end in zip(self._erased(tenant, holder), lost, strict=False):
                self._end(call, end)
                call.end = None
            return frozenset(ours)

    def _end(self, call: _Call, end: CallEnd) -> None:
        call.state, call.held_until = end.state, None
        call.begun = call.begun and end.state is not CallState.FREE
        call.end = None if end.is_parked else end
        call.cost = end.cost_microcredits
        call.ended_at = self._db.now() if end.state is not CallState.FREE else None

    def _erased(self, tenant: str, holder: str) -> list[_Call]:
        mine = [c for c in self._every() if (c.tenant, c.holder, c.row) == (tenant, holder, 0)]
        return [call for call in mine if call.state is CallState.RESERVED]

    def _held(self, tenant: str, key: str, holder: str) -> _Call | None:
        calls: list[_Call] = self._db.paid.get(key, [])
        if not calls or (calls[-1].tenant, calls[-1].holder) != (tenant, holder):
            return None
        return calls[-1] if calls[-1].state is CallState.RESERVED else None

    def resolve(self, tenant: str, holder: str, questions: Sequence[str]) -> None:
        """Take back the doubt that was counted when the holder reserved these questions."""
        with self._db.lock:
            for key in questions:
                call = self._held(tenant, key, holder)
                if call and call.doubts:
                    call.doubts -= 1

    def spent(self, tenant: str, scopes: Sequence[str]) -> Mapping[str, Spending]:
        """Add up what each scope has spent, and what is under way in it."""
        with self._db.lock:
            mine = [call for call in self._every() if call.tenant == tenant]
            return {
                name: self._spending([c for c in mine if _is_in(c, Scope.named(name))])
                for name in scopes
            }

    def _spending(self, calls: Sequence[_Call]) -> Spending:
        now = self._db.now()
        live = {call.holder for call in calls if call.is_live(now)}
        holds = []
        for holder in sorted(live):
            own = [call for call in calls if call.holder == holder]
            held = sum(c.price if c.state is CallState.RESERVED else c.cost for c in own)
            left_s = max((c.held_until - now).total_seconds() for c in own if c.held_until)
            holds.append(Hold(id=holder, amount_microcredits=held, left_s=left_s))
        spent = sum(call.cost for call in calls if call.holder not in live)
        return Spending(spent_microcredits=spent, holds=tuple(holds))

    def costs(self, tenant: str, run_id: int) -> Mapping[str, int]:
        """Add up the calls of a run by provider."""
        with self._db.lock:
            mine = [c for c in self._every() if (c.tenant, c.run) == (tenant, run_id) and c.cost]
            names = sorted({call.provider for call in mine})
            return {name: sum(c.cost for c in mine if c.provider == name) for name in names}

    def doubts(
        self, tenant: str, *, run_id: int | None = None, unsettled: bool = False, limit: int = 100
    ) -> Sequence[Doubt]:
        """List the calls that may have been made twice; only those that wait for somebody."""
        with self._db.lock:
            now = self._db.now()
            found = [
                self._doubt(key, number, call)
                for key, calls in self._db.paid.items()
                for number, call in enumerate(calls, start=1)
                if call.tenant == tenant and run_id in {None, call.run}
                if call.waits(now) or (call.doubts and not unsettled)
            ]
            return tuple(reversed(found))[:limit]

    def _doubt(self, key: str, number: int, call: _Call) -> Doubt:
        row = self._db.table(call.tenant, call.table).rows.get(call.row)
        return Doubt(
            key=call_key(key, number),
            call=call.call,
            run_id=call.run,
            row=row.key if row else "",
            provider=call.provider,
            state=call.state,
            doubts=call.doubts,
            price_microcredits=call.price,
            cost_microcredits=call.cost,
            reserved_at=call.reserved_at,
        )

    def settle(self, tenant: str, key: str, ruling: Ruling) -> None:
        """Decide a call in doubt. Raises `UnknownNameError`."""
        with self._db.lock:
            input_key, _, number = key.partition("-")
            calls = dict(enumerate(self._db.paid.get(input_key, []), start=1))
            call = calls.get(int(number) if number.isdecimal() else 0)
            if call is None or call.tenant != tenant or not call.waits(self._db.now()):
                raise UnknownNameError("call in doubt", key)
            is_paid = ruling is Ruling.PAID
            call.state = CallState.FAILED if is_paid else CallState.FREE
            call.cost = call.price if is_paid else 0
            call.doubts = 0 if ruling is Ruling.NOT_PAID else max(call.doubts, 1)
            call.held_until, call.begun, call.ended_at = None, False, self._db.now()

    def _every(self) -> Iterable[_Call]:
        return (call for calls in self._db.paid.values() for call in calls)


def _is_in(call: _Call, scope: Scope) -> bool:
    if scope.run_id is not None:
        return call.run == scope.run_id
    is_that_day = call.reserved_at.date() == scope.day
    return is_that_day and scope.table in {None, call.table}
