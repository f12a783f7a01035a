"""The simulator over real HTTP: harm on the wire, its ledger, and everything pointed at it."""

import signal
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from enrich.domain.outcome import OutcomeKind, Pending
from enrich.domain.provider import Answer, Query
from enrich.domain.values import JsonObject
from enrich.ports.outside import Deadline
from providers.base import SystemClock
from providers.catalogued import Catalogue
from providers.credentials import StoredCredentials
from providers.simulator import Behaviour, Simulator
from providers.simulator.dialect import example_of
from providers.spec import HttpSpec, load_catalogue
from tests.acceptance.shell import listen_to_interrupts
from tests.waiting import eventually

_SPECS = {spec.name: spec for spec in load_catalogue()}
_LASTING = [
    spec for spec in _SPECS.values() if spec.deferred and any(rule.token for rule in spec.outcomes)
]
PEOPLE: list[JsonObject] = [{"email": f"{number}@example.org"} for number in range(30)]


def ask(
    simulator: Simulator,
    vendor: str,
    rows: Sequence[JsonObject],
    *,
    token: str = "",
    limit_s: float = 60,
) -> list[Answer]:
    """Ask a vendor of the whole catalogue, which is pointed at the simulator."""
    keys = {_SPECS[vendor].credential or "nobody": "key"}
    credentials = StoredCredentials(keys)
    catalogue = Catalogue(credentials, contact="tests@example.com", base_url=simulator.url)
    queries = [Query(row=n, inputs=row, token=token) for n, row in enumerate(rows)]
    try:
        provider = catalogue.providers[vendor]
        return list(provider.ask(queries, Deadline(SystemClock().monotonic_s() + limit_s)))
    finally:
        catalogue.close()


@pytest.mark.parametrize(
    ("behaviour", "kind"),
    [
        (Behaviour(resets=1.0), OutcomeKind.UNAVAILABLE),
        (Behaviour(cuts=1.0), OutcomeKind.UNAVAILABLE),
        (Behaviour(corrupt=1.0), OutcomeKind.MALFORMED),
        (Behaviour(wrong_types=1.0), OutcomeKind.MALFORMED),
        (Behaviour(redirects=1.0), OutcomeKind.MALFORMED),
        (Behaviour(errors=1.0), OutcomeKind.UNAVAILABLE),
        (Behaviour(storms=1.0), OutcomeKind.RATE_LIMITED),
        (Behaviour(latency_s=60.0, latency_sigma=0.0), OutcomeKind.UNAVAILABLE),
        (Behaviour(drips=1.0, drip_s=0.1), OutcomeKind.UNAVAILABLE),
    ],
    ids=["R04-reset", "R04-cut", "corrupt", "R01-html", "R15-redirect", "503", "F53-storm",
         "F48-hang", "F49-drip"],
)  # fmt: skip
def test_harm_on_the_wire_is_an_outcome(behaviour: Behaviour, kind: OutcomeKind) -> None:
    # What hangs is given up soon; what else goes wrong is heard of, however slow the machine is.
    limit_s = {True: 1.0, False: 60.0}[behaviour.drips > 0 or behaviour.latency_s > 1.0]

    with Simulator(_SPECS.values(), behaviour) as simulator:
        (answer,) = ask(simulator, "people_data_labs", PEOPLE[:1], limit_s=limit_s)

    assert answer.outcome.kind is kind


@pytest.mark.parametrize("vendor", ["people_data_labs", "hunter_email_verifier", "zerobounce"])
def test_what_the_engine_counts_is_what_the_vendor_charges(vendor: str) -> None:
    spec = _SPECS[vendor].provider_spec
    behaviour = Behaviour(coverage=0.5, lies=0.3, limits=False)

    with Simulator(_SPECS.values(), behaviour) as simulator:
        answers = ask(simulator, vendor, PEOPLE)

    own = [each.cost_microcredits for each in answers]
    counted = [
        spec.cost_of(answer.outcome) if cost is None else cost
        for cost, answer in zip(own, answers, strict=True)
    ]
    assert sum(counted) == simulator.ledger.charged_microcredits(vendor) > 0
    assert len(simulator.ledger.arrivals(vendor)) == len(PEOPLE)


@pytest.mark.parametrize("spec", _LASTING, ids=lambda spec: spec.name)
def test_what_takes_time_is_asked_for_by_its_token(spec: HttpSpec) -> None:
    shown = example_of(spec, OutcomeKind.FOUND)
    rows = [dict(shown.inputs)] if shown else []

    with Simulator(_SPECS.values(), Behaviour(pending=1.0)) as simulator:
        (begun,) = ask(simulator, spec.name, rows)
        token = begun.outcome.token if isinstance(begun.outcome, Pending) else ""
        (ready,) = ask(simulator, spec.name, rows, token=token)

    assert begun.outcome.kind is OutcomeKind.PENDING
    assert ready.outcome.kind is OutcomeKind.FOUND


def test_the_ledger_can_be_read_over_http() -> None:
    with Simulator([_SPECS["people_data_labs"]]) as simulator:
        ask(simulator, "people_data_labs", PEOPLE[:2])
        said = requests.get(f"{simulator.url}/_ledger", timeout=60)

    assert said.json() == simulator.ledger.to_json()
    assert said.json()["vendors"]["people_data_labs"]["charged_microcredits"] == 560_000


def test_a_vendor_that_is_not_served_is_unavailable() -> None:
    with Simulator([_SPECS["gleif"]]) as simulator:
        (answer,) = ask(simulator, "people_data_labs", PEOPLE[:1])

    assert answer.outcome.kind is OutcomeKind.UNAVAILABLE


def test_closing_ends_what_is_under_way() -> None:
    simulator = Simulator(_SPECS.values(), Behaviour(latency_s=600.0, latency_sigma=0.0))
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(ask, simulator, "people_data_labs", PEOPLE[:1])
        assert eventually(lambda: bool(simulator.ledger.arrivals()))

        simulator.close()

        (answer,) = asked.result()

    assert answer.outcome.kind is OutcomeKind.UNAVAILABLE


def test_the_command_serves_until_it_is_interrupted(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "enrich.cli", "simulate", "gleif", "--coverage", "0.5"]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=tmp_path,
        preexec_fn=listen_to_interrupts,
    ) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(2)]
        url = lines[1].strip().partition("=")[2]
        said = requests.get(f"{url}/_ledger", timeout=60)
        process.send_signal(signal.SIGINT)
        code = process.wait(timeout=60)

    assert lines[0] == "export ENRICH_PROVIDERS__CATALOGUE=true\n"
    assert said.json() == {"vendors": {}, "arrivals": []}
    assert code == 0
