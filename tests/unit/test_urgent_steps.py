"""What somebody waits for goes before what nobody does."""

import pytest

from enrich.domain.run import BatchRef, Phase, Step, StepKind
from enrich.engine.cells import CellsRequest, begin
from enrich.engine.fuse import fuse
from enrich.engine.probe import probe
from enrich.engine.submit import Submitted
from tasks.messages import from_wire, to_wire
from tasks.settings import QUEUES, URGENT
from tests.unit.batches import COMPANY, DOMAIN, EMAIL, found, spec
from tests.unit.engine_world import Scripted, world

FIRST = spec("first", "email", "domain")
SECOND = spec("second", "domain", "company_name")


def test_the_steps_of_a_cell_that_somebody_waits_for_are_urgent_in_every_wave() -> None:
    first = Scripted(FIRST, {"a@acme.com": found(domain="acme.com")})

    with world(first, Scripted(SECOND, {}), columns=(EMAIL, DOMAIN, COMPANY)) as own:
        request = CellsRequest(tenant="default", table="t", row="r1", columns=("domain", "company"))
        begun = begin(own.parts, request)
        assert isinstance(begun, Submitted)
        (step,) = begun.steps
        probe(own.parts, step, "first")
        (onward,) = fuse(own.parts, step).steps

        assert (step.urgent, onward.urgent) == (True, True)


def test_the_steps_of_a_run_over_a_table_are_not() -> None:
    with world(Scripted(FIRST, {})) as own:
        _, steps = own.submit()

        assert [step.urgent for step in steps] == [False]


@pytest.mark.parametrize("urgent", [True, False])
def test_urgency_travels(urgent: bool) -> None:
    ref = BatchRef(run_id=1, number=1, attempt=1, phase=Phase.PROBE)
    step = Step(kind=StepKind.PROBE, batch=ref, urgent=urgent)

    assert from_wire(to_wire(step)).urgent is urgent


def test_a_message_of_an_older_version_is_not_urgent() -> None:
    ref = BatchRef(run_id=1, number=1, attempt=1, phase=Phase.PROBE)
    wire = to_wire(Step(kind=StepKind.PROBE, batch=ref))
    del wire["urgent"]

    assert from_wire(wire).urgent is False


def test_a_worker_drains_the_urgent_queue_before_those_of_batches() -> None:
    batches = ("enrich.fuse", "enrich.premium", "enrich.probe")

    assert all(QUEUES.index(URGENT) < QUEUES.index(queue) for queue in batches)
