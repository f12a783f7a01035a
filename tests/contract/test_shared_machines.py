"""Leases and budgets agree with plain Python on any history, in memory and in Valkey."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from enrich.domain.policy import SingleflightPolicy
from enrich.ports import Claim, OverBudget, Reservation
from enrich.state.budget import RedisBudgets
from enrich.state.budget_memory import MemoryBudgets
from enrich.state.leases import RedisLeases
from enrich.state.leases_memory import MemoryLeases
from enrich.state.link import RedisLink
from tests.contract.shared_world import MemoryTime, ValkeyTime

AnyTime: TypeAlias = MemoryTime | ValkeyTime

# Long, so that the time that really passes in Valkey meanwhile decides nothing.
WAITS_S = st.integers(0, 12).map(lambda steps: steps * 100.0)
NAMES = st.lists(st.sampled_from("abc"), min_size=1, max_size=3, unique=True)
SETTINGS = settings(
    max_examples=25,
    stateful_step_count=25,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
_LEASE_S = 950
_HOLD_S = 2550


@dataclass(slots=True)
class Held:
    """A lease as the model keeps it."""

    token: str
    taken_at_s: float
    ends_at_s: float


# What was given out is drawn by its place: tokens and ids are new in each run, and a strategy over
# them would be another one each time.
class LeaseMachine(RuleBasedStateMachine):
    """Claims, renewals and releases of three names."""

    def __init__(self, time: AnyTime) -> None:
        super().__init__()
        policy = SingleflightPolicy(max_hold_s=_HOLD_S)
        self.time, self.now_s, self.fence = time, 0.0, 0
        self.leases = (
            RedisLeases(time.link, policy, version=time.version)
            if isinstance(time, ValkeyTime)
            else MemoryLeases(policy, clock=time.clock)
        )
        self.held: dict[str, Held] = {}
        self.claims: list[Claim] = []

    def alive(self, name: str) -> Held | None:
        held = self.held.get(name)
        return held if held and held.ends_at_s > self.now_s else None

    def owned(self, claim: Claim) -> set[str]:
        return {
            name for name in claim.led if (held := self.alive(name)) and held.token == claim.token
        }

    @rule(names=NAMES)
    def claim(self, names: list[str]) -> None:
        free = {name for name in names if not self.alive(name)}

        claim = self.leases.claim("t", names, lease_s=_LEASE_S)

        assert claim.led.keys() == free
        assert claim.held == set(names) - free
        assert all(fence > self.fence for fence in claim.led.values())
        self.fence = max([self.fence, *claim.led.values()])
        for name in free:
            self.held[name] = Held(claim.token, self.now_s, self.now_s + _LEASE_S)
        self.claims.append(claim)

    @precondition(lambda self: self.claims)
    @rule(data=st.data())
    def renew(self, data: st.DataObject) -> None:
        claim = self.claims[data.draw(st.integers(0, len(self.claims) - 1))]
        last = {name: self.held[name].taken_at_s + _HOLD_S for name in self.owned(claim)}
        kept = {name for name, last_s in last.items() if last_s > self.now_s}

        assert self.leases.renew("t", claim, lease_s=_LEASE_S) == kept
        for name in kept:
            self.held[name].ends_at_s = min(self.now_s + _LEASE_S, last[name])

    @precondition(lambda self: self.claims)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        claim = self.claims[data.draw(st.integers(0, len(self.claims) - 1))]
        owned = self.owned(claim)

        assert self.leases.release("t", claim) == owned
        for name in owned:
            del self.held[name]

    @rule(names=NAMES)
    def look(self, names: list[str]) -> None:
        free = {name for name in names if not self.alive(name)}

        assert self.leases.wait("t", names, timeout_s=0).keys() == free

    @rule(seconds=WAITS_S)
    def pass_time(self, seconds: float) -> None:
        self.time.pass_s(seconds)
        self.now_s += seconds


@dataclass(slots=True)
class Account:
    """A scope as the model keeps it."""

    spent: int = 0
    holds: dict[str, tuple[int, float]] = field(default_factory=dict)

    def reserved(self, now_s: float) -> int:
        return sum(amount for amount, ends_at_s in self.holds.values() if ends_at_s > now_s)


class BudgetMachine(RuleBasedStateMachine):
    """Reservations and commits in two scopes."""

    caps = {"run": 10, "day": 14}  # noqa: RUF012 - read only

    def __init__(self, time: AnyTime) -> None:
        super().__init__()
        self.time, self.now_s = time, 0.0
        self.budgets = (
            RedisBudgets(time.link, clock=MemoryTime().clock, version=time.version)
            if isinstance(time, ValkeyTime)
            else MemoryBudgets(clock=time.clock)
        )
        self.accounts = {scope: Account() for scope in self.caps}
        self.reservations: list[Reservation] = []
        self.committed: set[str] = set()

    def left(self, scope: str) -> int:
        account = self.accounts[scope]
        return self.caps[scope] - account.spent - account.reserved(self.now_s)

    @rule(
        amount=st.integers(0, 6),
        scopes=st.sampled_from([("run",), ("day",), ("day", "run")]),
        hold_s=st.sampled_from([550, 1950]),
    )
    def reserve(self, amount: int, scopes: tuple[str, ...], hold_s: int) -> None:
        poor = [scope for scope in scopes if self.left(scope) < amount]
        caps = {scope: self.caps[scope] for scope in reversed(scopes)}

        got = self.budgets.reserve("t", caps, amount, hold_s=hold_s)

        if poor:
            left, cap = self.left(poor[0]), self.caps[poor[0]]
            assert got == OverBudget(scope=poor[0], cap_microcredits=cap, left_microcredits=left)
            return
        assert isinstance(got, Reservation)
        self.reservations.append(got)
        for scope in scopes:
            self.accounts[scope].holds[got.id] = (amount, self.now_s + hold_s)

    @precondition(lambda self: self.reservations)
    @rule(data=st.data(), spent=st.integers(0, 6))
    def commit(self, data: st.DataObject, spent: int) -> None:
        reservation = self.reservations[data.draw(st.integers(0, len(self.reservations) - 1))]

        self.budgets.commit("t", reservation, spent)

        if reservation.id not in self.committed:
            # Of nothing it gives all back, and is not remembered.
            self.committed.update([reservation.id] if spent else [])
            for scope in reservation.scopes:
                self.accounts[scope].holds.pop(reservation.id, None)
                self.accounts[scope].spent += spent

    @rule()
    def read(self) -> None:
        expected = {
            scope: (account.spent, account.reserved(self.now_s))
            for scope, account in self.accounts.items()
        }

        assert self.budgets.spent("t", list(self.caps)) == expected

    @rule(seconds=WAITS_S)
    def pass_time(self, seconds: float) -> None:
        self.time.pass_s(seconds)
        self.now_s += seconds


@pytest.fixture(
    params=["memory", pytest.param("valkey", marks=pytest.mark.servers)], ids=["memory", "valkey"]
)
def new_time(request: pytest.FixtureRequest) -> Iterator[Callable[[], AnyTime]]:
    if request.param == "memory":
        yield MemoryTime
        return
    link = RedisLink(request.getfixturevalue("redis_url"), timeout_s=5.0)
    yield lambda: ValkeyTime(link)
    link.close()


def test_leases_agree_with_plain_python(new_time: Callable[[], AnyTime]) -> None:
    run_state_machine_as_test(lambda: LeaseMachine(new_time()), settings=SETTINGS)


def test_budgets_agree_with_plain_python(new_time: Callable[[], AnyTime]) -> None:
    run_state_machine_as_test(lambda: BudgetMachine(new_time()), settings=SETTINGS)
