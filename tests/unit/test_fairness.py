"""Two runs share workers: a big one leaves room for a small one that comes after it."""

from collections import deque
from dataclasses import replace

import pytest

from enrich.domain.policy import RunPolicy
from enrich.domain.run import Step
from enrich.engine.fuse import fuse
from enrich.engine.probe import probe
from enrich.engine.submit import RunRequest, submit
from enrich.ports import NewRow
from tests.unit.batches import COMPANY, DOMAIN, EMAIL, found, spec
from tests.unit.engine_world import Scripted, World, world

_BIG, _SMALL, _IN_FLIGHT = 40, 8, 4
_POLICY = RunPolicy(batch_rows=1, max_batches_in_flight=_IN_FLIGHT, max_wait_s=0)


def provider() -> Scripted:
    return Scripted(spec("one", "email", "domain"), lambda _: found(domain="acme.com"))


def submitted(own: World, *, tenant: str, rows: int) -> tuple[int, tuple[Step, ...]]:
    """Begin a run of a tenant's own, each row a batch."""
    own.parts.rows.save_columns(tenant, "t", (EMAIL, DOMAIN, COMPANY))
    new = [NewRow(key=f"r{n}", data={"email": f"{n}@{tenant}.com"}) for n in range(rows)]
    own.parts.rows.import_rows(tenant, "t", new)
    begun = submit(own.parts, RunRequest(table="t", tenant=tenant))
    return begun.run.id, begun.steps


def worked_off(own: World, *steps: Step) -> list[int]:
    """Do steps as workers take them from a queue; give whose batches ended, in that order."""
    queue, ended = deque(steps), []
    while queue:
        step = queue.popleft()
        for name in step.providers:
            probe(own.parts, step, name)
        queue += fuse(own.parts, step).steps
        ended.append(step.batch.run_id)
    return ended


@pytest.mark.parametrize("late", [1, 20], ids=lambda n: f"{n} batches later")
def test_a_small_run_waits_for_no_more_of_a_big_one_than_is_in_flight(late: int) -> None:
    with world(provider(), emails=[], runs=_POLICY) as own:
        big, steps = submitted(own, tenant="big", rows=_BIG)
        ended, queue = 0, deque(steps)
        while ended < late:
            step = queue.popleft()
            probe(own.parts, step, "one")
            queue += fuse(own.parts, step).steps
            ended += 1
        small, more = submitted(own, tenant="small", rows=_SMALL)

        order = worked_off(own, *queue, *more)

        until_done = order[: len(order) - order[::-1].index(small)]
        # A turn of each is as much as may be in flight, and the big one has the first.
        assert until_done.count(small) == _SMALL
        assert until_done.count(big) <= _IN_FLIGHT * (_SMALL // _IN_FLIGHT)
        assert order.count(big) == _BIG - late


def test_without_a_bound_a_small_run_waits_for_all_of_a_big_one() -> None:
    """What the bound is for: the test above could fail."""
    with world(provider(), emails=[], runs=replace(_POLICY, max_batches_in_flight=_BIG)) as own:
        big, steps = submitted(own, tenant="big", rows=_BIG)
        small, more = submitted(own, tenant="small", rows=_SMALL)

        order = worked_off(own, *steps, *more)

        assert order.index(small) == _BIG == order.count(big)


def test_neither_of_two_big_runs_gets_ahead_of_the_other_by_more_than_a_turn() -> None:
    with world(provider(), emails=[], runs=_POLICY) as own:
        one, steps = submitted(own, tenant="one", rows=_BIG)
        two, more = submitted(own, tenant="two", rows=_BIG)

        order = worked_off(own, *steps, *more)

        ahead = [order[:place].count(one) - order[:place].count(two) for place in range(len(order))]
        assert (min(ahead) >= 0, max(ahead) <= _IN_FLIGHT) == (True, True)
