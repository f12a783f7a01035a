"""Runs over simulated vendors: many rows in one call, work that takes time, and much going wrong.

The vendors count, not we: what the ledger says was called and charged is held against them.
"""

from collections.abc import Callable, Iterator, Mapping

import pytest

from enrich.domain.values import JsonObject
from providers.simulator import Behaviour
from tests.integration.nodes import WorkerProcess
from tests.integration.vendor_runs import VendorWorld, person, vendor_world
from tests.integration.worker_fixtures import World

pytestmark = [pytest.mark.servers, pytest.mark.worker]

_PDL = "people_data_labs"


@pytest.fixture(scope="module")
def vendors(
    world: World,
    redis_url: str,
    worker_environment: Mapping[str, str],
    start_worker: Callable[..., WorkerProcess],
) -> Iterator[VendorWorld]:
    each = {
        "ipinfo": Behaviour(seed=1, coverage=0.9, lies=0.1, resets=0.05, errors=0.02),
        "numverify": Behaviour(seed=2, coverage=0.8, corrupt=0.05, cuts=0.03, wrong_types=0.03),
        "zerobounce": Behaviour(seed=3, coverage=0.85, storms=0.08, lies=0.05, redirects=0.02),
        _PDL: Behaviour(seed=4, left_out=3, swapped=2),
        "snov": Behaviour(seed=5, pending=1.0),
    }
    with vendor_world(world, redis_url, worker_environment, start_worker, each) as own:
        yield own


@pytest.mark.parametrize(("rows", "calls"), [(1000, 10), (250, 3)])
def test_rows_of_a_batch_travel_together_and_each_answer_finds_its_row(
    vendors: VendorWorld, rows: int, calls: int
) -> None:
    before = vendors.simulator.ledger.calls(_PDL)
    people: list[JsonObject] = [{"email": f"b{rows}-{n}@firm{n}.example"} for n in range(rows)]

    run = vendors.run(people, ["linkedin_url"])

    lines = run.of(_PDL)
    missing = [line for line in lines if line.kind == "malformed"]
    assert vendors.simulator.ledger.calls(_PDL) - before == calls == run.calls(_PDL)
    assert len(missing) == 3 * calls
    assert {line.outcome["reason"] for line in missing} == {"left out of the answers"}
    assert all(
        line.value("email") == run.values[line.row]["email"]
        for line in lines
        if line not in missing
    )
    assert (run.summary["filled"], run.summary["failed"]) == (rows - 3 * calls, 3 * calls)
    assert run.untrue() == []


def test_what_takes_time_is_asked_for_again_and_charged_once(vendors: VendorWorld) -> None:
    people: list[JsonObject] = [
        {"first": "Ada", "last": f"Slow {n}", "site": f"slow{n}.example"} for n in range(5)
    ]

    run = vendors.run(people, ["email_status"])

    lines = run.of("snov")
    assert run.summary["filled"] == 5
    assert [line.kind for line in lines] == ["pending"] * 5 + ["found"] * 5
    assert run.calls("snov") == vendors.simulator.ledger.calls("snov") == 10
    assert [line.cost for line in lines] == [0] * 5 + [30_000] * 5
    assert vendors.simulator.ledger.charged_microcredits("snov") == 5 * 30_000
    assert run.untrue() == []


_FOUR = ("ipinfo", "numverify", "zerobounce", _PDL)


def test_four_vendors_that_fail_each_in_its_own_way_are_told_truthfully(
    vendors: VendorWorld,
) -> None:
    before = vendors.tally()

    run = vendors.run(
        [person(n) for n in range(120)], ["asn", "phone_carrier", "email_is_free", "job_title"]
    )

    tally = vendors.tally() - before
    assert run.untrue() == []
    assert {name: run.calls(name) for name in _FOUR} == tally.calls
    assert {name: run.charged(name) for name in _FOUR} == tally.heard_microcredits
    assert run.unruly_charges() == []
    assert len({line.kind for line in run.lines}) > 4
