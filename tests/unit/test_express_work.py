"""What a worker does with requests that it gathered, when their answers cannot be given."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import pytest
import redis

from enrich.domain.outcome import Found
from enrich.domain.run import BatchRef, OpenBatch, Step
from enrich.domain.values import Observation
from enrich.errors import DatabaseDownError
from enrich.ports.callers import NewCalls, Shared
from enrich.store.callers_memory import MemoryCallers
from enrich.store.memory_runs import MemoryRunStore
from tasks.canvas import CeleryDispatcher
from tasks.express.calls import Call
from tasks.express.work import Worker
from tests.unit.batches import spec
from tests.unit.engine_world import Scripted, World, world
from tests.unit.replying import Hooks, Results, app_of, services_of

EMAILS = ("a@acme.com", "b@bolt.com")
FOUND = {email: Found({"domain": Observation(value="x.com", confidence=0.9)}) for email in EMAILS}


@dataclass
class Bench:
    """A worker over a world, the Redis of its answers, and what it has acknowledged."""

    world: World
    vendor: Scripted
    results: Results = field(default_factory=Results)
    hooks: Hooks = field(default_factory=Hooks)
    acknowledged: list[str] = field(default_factory=list)

    given_back: list[str] = field(default_factory=list)
    spawned: int = 0
    store: type[MemoryCallers] = MemoryCallers

    def do(self, *calls: Call) -> None:
        own = services_of(self.world, self.hooks, self.store(self.world.database))
        Worker(
            app_of(self.results),
            acknowledge=self._acknowledge,
            give_back=self._give_back,
            spawn=self._spawn,
            at_once=2,
            own=lambda: own,
        ).do(calls)

    def _spawn(self, work: Callable[[], None]) -> None:
        self.spawned += 1
        work()

    def _acknowledge(self, calls: Sequence[Call]) -> None:
        self.acknowledged += [call.id for call in calls]

    def _give_back(self, calls: Sequence[Call]) -> None:
        self.given_back += [call.id for call in calls if call.id not in self.acknowledged]


class Picky(MemoryCallers):
    """Breaks at one caller."""

    def store(self, new: NewCalls, *, lease_s: float) -> Shared | None:
        if "c2" in {caller.id for caller, _ in new.callers}:
            raise ValueError("a value that cannot be stored")
        return super().store(new, lease_s=lease_s)


class Away(MemoryCallers):
    """A database that is away."""

    def store(self, new: NewCalls, *, lease_s: float) -> Shared | None:
        raise DatabaseDownError("the database does not answer")


@pytest.fixture
def bench() -> Iterator[Bench]:
    vendor = Scripted(spec("vendor", "email", "domain"), FOUND)
    with world(vendor, emails=EMAILS) as made:
        yield Bench(made, vendor)


def call(number: int, *args: object, waits: bool = True, task: str = "enrich.cell") -> Call:
    return Call(
        id=f"c{number}",
        task=task,
        args=args,
        kwargs={},
        waits=waits,
        message=None,
        at_s=0.0,
    )


def test_whoever_does_not_wait_is_not_told_that_it_asks_wrongly(bench: Bench) -> None:
    bench.do(call(1, "t"), call(2, "t", waits=False))

    assert list(bench.results.stored) == [b"celery-task-meta-c1"]
    assert bench.acknowledged == ["c1", "c2"]


def test_who_was_stored_is_seen_to_although_a_neighbour_cannot_be_told(bench: Bench) -> None:
    bench.world.parts.rows.type_value("default", "t", "r1", "domain", "typed.com")
    bench.results.is_away = True

    with pytest.raises(redis.ConnectionError):
        bench.do(call(1, "t", "r1", "domain"), call(2, "t", "r2", "domain"))

    assert bench.world.value("domain", "r2") == "x.com"


def test_a_run_whose_callers_cannot_be_told_ends_all_the_same(bench: Bench) -> None:
    bench.results.is_away = True

    with pytest.raises(redis.ConnectionError):
        bench.do(call(1, "t", "r1", "domain"))

    assert len(bench.hooks.noted) == 1


def test_one_caller_that_breaks_the_storing_fails_none_of_its_neighbours(bench: Bench) -> None:
    bench.store = Picky

    bench.do(call(1, "t", "r1", "domain"), call(2, "t", "r2", "domain"))

    told = {key[-2:]: said["status"] for key, said in bench.results.stored.items()}
    assert told == {b"c1": "SUCCESS", b"c2": "FAILURE"}
    assert bench.acknowledged == ["c1", "c2"]


def test_while_the_database_is_away_nobody_is_told_and_all_messages_come_again(
    bench: Bench,
) -> None:
    bench.store = Away

    bench.do(call(1, "t", "r1", "domain"), call(2, "t", "r2", "domain", waits=False))

    assert bench.results.stored == {}
    assert (bench.acknowledged, bench.given_back) == ([], ["c1", "c2"])


@pytest.mark.parametrize(
    "asked",
    [pytest.param(("t", "r1", "domain"), id="answered"), pytest.param(("t",), id="refused")],
)
def test_whoever_could_not_be_told_comes_again_at_once(
    bench: Bench, asked: tuple[str, ...]
) -> None:
    bench.world.parts.rows.type_value("default", "t", "r1", "domain", "typed.com")
    bench.results.is_away = True

    with pytest.raises(redis.ConnectionError):
        bench.do(call(1, *asked))

    assert (bench.acknowledged, bench.given_back) == ([], ["c1"])


def test_what_fails_in_a_later_wave_is_handed_on_from_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sent: list[Step] = []

    def away(_: MemoryRunStore, ref: BatchRef, *, lease_s: float) -> OpenBatch:
        raise DatabaseDownError(f"no {ref} for {lease_s} s")

    monkeypatch.setattr(MemoryRunStore, "open", away)
    monkeypatch.setattr(CeleryDispatcher, "dispatch", lambda _, steps: sent.extend(steps))
    vendor = Scripted(spec("vendor", "email", "domain"), FOUND)
    second = Scripted(spec("second", "domain", "company_name"), {})
    with world(vendor, second, emails=EMAILS) as made:
        Bench(made, vendor).do(call(1, "t", "r1", task="enrich.row"))

    assert [(step.batch.wave, step.providers) for step in sent] == [(1, ("second",))]


def test_calls_with_limits_of_their_own_take_no_more_threads_than_groups_may(bench: Bench) -> None:
    limited = ("t", "r1", "domain", True, True, None, "default", 1.0)

    bench.do(*(call(number, *limited) for number in range(1, 6)))

    assert (bench.spawned, sorted(bench.acknowledged)) == (1, ["c1", "c2", "c3", "c4", "c5"])
