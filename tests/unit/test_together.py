"""Several callers share a run, and each gets an answer of its own."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta

import pytest

from enrich.domain.outcome import Found, Pending
from enrich.domain.policy import RunPolicy
from enrich.domain.run import Force, RunOptions, RunState
from enrich.domain.values import Observation
from enrich.engine.carrying import Carried, carry
from enrich.engine.sweep import sweep
from enrich.engine.together import Begun, Wish, begin_together
from enrich.errors import UnknownNameError
from enrich.ports.callers import Caller
from enrich.store.callers_memory import MemoryCallers
from tests.unit.batches import spec
from tests.unit.engine_world import Scripted, World, world

EMAILS = ("a@acme.com", "b@bolt.com", "c@coil.com")
FOUND = {
    email: Found({"domain": Observation(value=email.partition("@")[2], confidence=0.9)})
    for email in EMAILS
}


@dataclass
class Bureau:
    """A world whose rows callers ask for."""

    world: World
    vendor: Scripted
    store: MemoryCallers
    pool: ThreadPoolExecutor

    def begin(self, *callers: Caller, **options: object) -> Begun:
        wish = Wish(
            tenant="default",
            table="t",
            columns=("domain",),
            options=RunOptions(**options),  # type: ignore[arg-type] # by name
        )
        return begin_together(self.world.parts, self.store, wish, callers)

    def carry(self, begun: Begun) -> Carried:
        assert begun.unit is not None
        return carry(self.world.parts, begun.unit, self.pool)


@pytest.fixture
def bureau() -> Iterator[Bureau]:
    vendor = Scripted(spec("vendor", "email", "domain"), FOUND)
    with world(vendor, emails=EMAILS, runs=RunPolicy()) as made, ThreadPoolExecutor(4) as pool:
        yield Bureau(made, vendor, MemoryCallers(made.database), pool)


def caller(number: int, row: str) -> Caller:
    return Caller(id=f"call-{number}", row=row)


def values(carried: Carried) -> Mapping[str, object]:
    return {row: cells["domain"].value for row, cells in carried.cells.items()}


def test_callers_of_several_rows_share_one_run_and_each_row_has_its_own_value(
    bureau: Bureau,
) -> None:
    begun = bureau.begin(caller(1, "r1"), caller(2, "r2"), caller(3, "r3"))
    carried = bureau.carry(begun)

    assert values(carried) == {"r1": "acme.com", "r2": "bolt.com", "r3": "coil.com"}
    assert carried.finished is not None
    assert len(bureau.world.database.runs) == 1


def test_two_callers_of_one_row_ask_once(bureau: Bureau) -> None:
    begun = bureau.begin(caller(1, "r1"), caller(2, "r1"))
    bureau.carry(begun)

    assert bureau.vendor.asked == ["a@acme.com"]
    assert begun.unit is not None
    assert {one.id for one in begun.unit.callers} == {"call-1", "call-2"}


def test_who_asks_for_a_row_that_is_not_there_disturbs_nobody(bureau: Bureau) -> None:
    begun = bureau.begin(caller(1, "r1"), caller(2, "nowhere"))

    assert isinstance(begun.answers["call-2"], UnknownNameError)
    assert str(begun.answers["call-2"]) == "there is no row 'nowhere' in table 't'"
    assert values(bureau.carry(begun)) == {"r1": "acme.com"}


def test_who_is_delivered_twice_is_one_caller(bureau: Bureau) -> None:
    bureau.begin(caller(1, "r1"))
    again = bureau.begin(caller(1, "r1"), caller(2, "r2"))

    assert again.unit is not None
    assert [one.id for one in again.unit.callers] == ["call-2"]
    assert [row.key for row in again.unit.batch.rows] == ["r2"]
    assert bureau.begin(caller(1, "r1")).unit is None


def test_what_is_known_needs_no_run(bureau: Bureau) -> None:
    bureau.carry(bureau.begin(caller(1, "r1")))

    begun = bureau.begin(caller(2, "r1"))

    answer = begun.answers["call-2"]
    assert not isinstance(answer, Exception)
    assert answer["domain"].value == "acme.com"
    assert begun.unit is None


def test_forced_callers_are_asked_for_anew(bureau: Bureau) -> None:
    bureau.carry(bureau.begin(caller(1, "r1")))
    bureau.carry(bureau.begin(caller(2, "r1"), force=Force.RESPONSES))

    assert bureau.vendor.asked == ["a@acme.com"] * 2


def test_a_row_that_waits_for_its_provider_keeps_nobody_else_waiting(bureau: Bureau) -> None:
    later = bureau.world.clock.now() + timedelta(seconds=5)
    bureau.vendor._script = {**FOUND, "b@bolt.com": Pending(later)}

    carried = bureau.carry(bureau.begin(caller(1, "r1"), caller(2, "r2")))

    assert values(carried) == {"r1": "acme.com"}
    assert carried.finished is None
    assert [step.at for step in carried.steps] == [later]


def test_rows_for_which_nobody_waits_are_written_and_not_told(bureau: Bureau) -> None:
    begun = bureau.begin(Caller(id="call-1", row="r1", waits=False))

    assert bureau.carry(begun).cells == {}
    assert bureau.world.value("domain") == "acme.com"


def test_what_died_after_it_was_stored_is_taken_up_and_its_callers_are_still_known(
    bureau: Bureau,
) -> None:
    begun = bureau.begin(caller(1, "r1"), caller(2, "r2"))
    assert begun.unit is not None
    bureau.world.clock.sleep(3600.0)
    run_id = begun.unit.batch.run.id
    assert bureau.store.waiting(run_id) == ()

    bureau.world.runner.run(sweep(bureau.world.parts).steps, patience_s=0)

    assert bureau.world.parts.runs.summary("default", run_id).state is RunState.DONE
    assert {one.id: one.row for one in bureau.store.waiting(run_id)} == {
        "call-1": "r1",
        "call-2": "r2",
    }
