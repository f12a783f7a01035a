"""A thousand rows and eight vendors that are limited, flaky and partly wrong, each in its own way.

It takes as long as the vendors' limits say, minutes: `make proofs` runs it; a small one is in
`make test`.
"""

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping

import pytest

from providers.simulator import Behaviour
from tests.integration.nodes import WorkerProcess
from tests.integration.vendor_runs import VendorWorld, person, vendor_world
from tests.integration.worker_fixtures import World

pytestmark = [pytest.mark.servers, pytest.mark.worker, pytest.mark.slow, pytest.mark.timeout(900)]

_ROWS = 1000
_EIGHT = {
    "ipinfo": Behaviour(seed=1, coverage=0.9, lies=0.1, resets=0.03, errors=0.02, latency_s=0.02),
    "brreg": Behaviour(seed=2, coverage=0.8, storms=0.02, cuts=0.02, latency_s=0.05, tail=0.03),
    "numverify": Behaviour(seed=3, coverage=0.8, corrupt=0.05, cuts=0.03, wrong_types=0.03),
    "zerobounce": Behaviour(seed=4, coverage=0.85, storms=0.04, lies=0.05, redirects=0.02),
    "hunter_companies": Behaviour(seed=5, coverage=0.7, errors=0.05, latency_s=0.05),
    "people_data_labs": Behaviour(seed=6, coverage=0.7, left_out=2, swapped=4, resets=0.1),
    "fullenrich": Behaviour(seed=7, coverage=0.6, pending=1.0, polls=2, shuffled=True),
    "coresignal": Behaviour(seed=8, coverage=0.6, drips=0.01, lies=0.05, resets=0.03),
}
_COLUMNS = (
    "asn",
    "company_form",
    "phone_carrier",
    "email_is_free",
    "sector",
    "employee_range",
    "job_title",
)


@pytest.fixture
def vendors(
    world: World,
    redis_url: str,
    worker_environment: Mapping[str, str],
    start_worker: Callable[..., WorkerProcess],
) -> Iterator[VendorWorld]:
    with vendor_world(world, redis_url, worker_environment, start_worker, _EIGHT) as own:
        yield own


def test_eight_vendors_and_the_ledger_count_the_same_and_every_cell_is_true(
    vendors: VendorWorld,
) -> None:
    run = vendors.run([person(n) for n in range(_ROWS)], _COLUMNS, timeout_s=800)

    tally = vendors.tally()
    sys.stdout.write(f"\n{_ROWS} rows in {run.took_s:.0f} s: {dict(run.summary)}\n")
    for name in _EIGHT:
        kinds = dict(Counter(line.kind for line in run.of(name)))
        faults = dict(Counter(a.fault.value for a in tally.arrivals if a.vendor == name))
        counts = f"{tally.calls.get(name, 0)} calls, ledger {run.calls(name)}"
        money = f"charged {tally.heard_microcredits.get(name, 0)}, ledger {run.charged(name)}"
        sys.stdout.write(f"{name}: {counts}; {money}; {kinds}; {faults}\n")
    states = Counter((column, cell["state"]) for (_, column), cell in run.cells.items())
    sys.stdout.write(f"{sorted(states.items())}\n")
    assert run.untrue() == []
    assert {name: run.calls(name) for name in _EIGHT} == tally.calls
    assert all(run.charged(name) <= tally.charged_microcredits[name] for name in _EIGHT)
    assert run.unruly_charges() == []
