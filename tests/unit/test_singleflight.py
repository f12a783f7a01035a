"""One call a key among the threads of a process: S01 to S28.

S19 has no test of its own: a call is looked up once, under the lock, and held from then on.
S22 is in tests/integration/test_shared_state.py, with real processes; S24 is C11, in
test_state_names.py. S15 to S18, S20 and S21 need an event loop and are in
tests/integration/test_coroutines.py.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from enrich.state.singleflight import Flight, FlightLostError, Flights, FlightStats
from tests.unit.gates import PATIENCE_S, Gate, callers


@pytest.fixture
def flights() -> Flights:
    return Flights()


@pytest.fixture
def gate(flights: Flights) -> Gate:
    return Gate(flights)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(16) as pool:
        yield pool


def test_s01_a_lone_caller_gets_its_value(flights: Flights) -> None:
    assert flights.do("k", lambda: 1) == Flight(1, shared=False)


def test_s02_a_lone_caller_gets_its_error(flights: Flights) -> None:
    error = LookupError("x")

    with pytest.raises(LookupError) as caught:
        flights.do("k", raising(error))

    assert caught.value is error


def raising(error: BaseException) -> Callable[[], None]:
    def work() -> None:
        raise error

    return work


def test_s03_s26_ten_callers_make_one_call(
    flights: Flights, gate: Gate, pool: ThreadPoolExecutor
) -> None:
    futures = callers(pool, flights, gate, 10)
    gate.open_when(9)

    flown = [future.result(PATIENCE_S) for future in futures]

    assert gate.begun == 1
    assert flown == [Flight("value", shared=True)] * 10
    assert flights.stats() == FlightStats(calls=1, shared_calls=1, coalesced=9)
    assert flights.stats().avg_waiters == 9


@pytest.mark.parametrize(
    "error", [LookupError("x"), OSError("y")], ids=["S04-S06", "S07-keeps-its-type"]
)
def test_an_error_reaches_every_waiter_as_it_is(
    flights: Flights, gate: Gate, pool: ThreadPoolExecutor, error: Exception
) -> None:
    gate.result = error
    futures = callers(pool, flights, gate, 5)
    gate.open_when(4)

    errors = [future.exception(PATIENCE_S) for future in futures]

    assert errors == [error] * 5


def test_s05_waiters_of_a_thread_that_exits_are_told(
    flights: Flights, gate: Gate, pool: ThreadPoolExecutor
) -> None:
    gate.result = SystemExit(1)
    leader = pool.submit(flights.do, "k", gate.work)
    assert gate.entered.acquire(timeout=PATIENCE_S)
    waiter = pool.submit(flights.do, "k", gate.work)
    gate.open_when(1)

    assert isinstance(leader.exception(PATIENCE_S), SystemExit)
    assert isinstance(waiter.exception(PATIENCE_S), FlightLostError)


def test_s08_after_forgetting_the_next_caller_makes_a_call_of_its_own(
    flights: Flights, pool: ThreadPoolExecutor
) -> None:
    first, second = Gate(flights), Gate(flights)
    first.result, second.result = 1, 2
    leader = pool.submit(flights.do, "k", first.work)
    assert first.entered.acquire(timeout=PATIENCE_S)
    flights.forget("k")
    successor = pool.submit(flights.do, "k", second.work)
    assert second.entered.acquire(timeout=PATIENCE_S)

    first.open.set()
    ended = leader.result(PATIENCE_S)
    third = pool.submit(flights.do, "k", first.work)
    second.open_when(1)

    assert ended.value == 1
    assert (successor.result(PATIENCE_S).value, third.result(PATIENCE_S).value) == (2, 2)


def test_s09_a_value_is_not_kept_after_the_end(flights: Flights) -> None:
    flights.do("k", lambda: 1)

    assert flights.do("k", lambda: 2) == Flight(2, shared=False)
    assert len(flights) == 0


def test_s10_an_error_is_not_kept_after_the_end(flights: Flights) -> None:
    with pytest.raises(LookupError):
        flights.do("k", raising(LookupError()))

    assert flights.do("k", lambda: 2) == Flight(2, shared=False)
    assert len(flights) == 0


def test_s11_another_key_does_not_wait(
    flights: Flights, gate: Gate, pool: ThreadPoolExecutor
) -> None:
    slow = pool.submit(flights.do, "k", gate.work)
    assert gate.entered.acquire(timeout=PATIENCE_S)

    fast = flights.do("other", lambda: 1)

    assert (fast.value, slow.done()) == (1, False)
    gate.open.set()


def test_s12_a_call_that_asks_for_its_own_key_is_an_error(flights: Flights) -> None:
    with pytest.raises(RuntimeError, match="own key"):
        flights.do("k", lambda: flights.do("k", lambda: 1))


def test_s13_s14_a_waiter_gives_up_alone(
    flights: Flights, gate: Gate, pool: ThreadPoolExecutor
) -> None:
    futures = callers(pool, flights, gate, 2)
    gate.until(1)

    with pytest.raises(TimeoutError, match="did not end within"):
        flights.do("k", gate.work, timeout_s=0.01)

    gate.open.set()
    assert [future.result(PATIENCE_S).value for future in futures] == ["value"] * 2
    assert gate.begun == 1


def test_s23_a_waiter_cannot_change_what_another_got(
    flights: Flights, gate: Gate, pool: ThreadPoolExecutor
) -> None:
    gate.result = {"list": [1]}
    futures = callers(pool, flights, gate, 3)
    gate.open_when(2)
    values = [future.result(PATIENCE_S).value for future in futures]

    values[0]["list"].append(2)

    assert sorted(len(value["list"]) for value in values) == [1, 1, 2]


def test_s25_ten_thousand_keys_leave_nothing(flights: Flights) -> None:
    for number in range(10_000):
        flights.do(number, lambda: None)

    assert len(flights) == 0


def test_s27_switched_off_every_caller_makes_a_call(pool: ThreadPoolExecutor) -> None:
    flights = Flights(enabled=False)
    gate = Gate(flights)
    gate.open.set()

    flown = [future.result(PATIENCE_S) for future in callers(pool, flights, gate, 10)]

    assert gate.begun == 10
    assert not any(flight.shared for flight in flown)


@pytest.mark.parametrize(
    "key", [["a", 1], {"a": [1]}, "x" * 1_000_000], ids=["list", "dict", "1MB"]
)
def test_s28_any_input_can_be_a_key(flights: Flights, key: object) -> None:
    assert flights.do(key, lambda: 1).value == 1
