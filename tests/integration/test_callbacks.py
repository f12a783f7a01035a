"""Vendors that send their answers by themselves: a real worker, a real interface, a real vendor."""

import re
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from enrich.domain.callback import NewCallback, new_name, signed_name
from enrich.store.callbacks import PostgresCallbacks
from providers.simulator import Behaviour
from tests.integration.api_fixtures import check
from tests.integration.api_process import serving
from tests.integration.nodes import WorkerProcess, in_database
from tests.integration.vendor_runs import VendorRun, VendorWorld, person, vendor_world
from tests.integration.worker_fixtures import World
from tests.waiting import eventually

pytestmark = [pytest.mark.servers, pytest.mark.worker]

_VENDOR, _SECRET, _ROWS = "fullenrich", "secret-of-these-tests-alone", 30
_MOST_BYTES = 20_000
PROFILE = {"employment": {"current": {"title": "Head of Examples"}}}


@dataclass(frozen=True, slots=True)
class Called:
    """The interface's address, and the run that its vendor has called back to twice."""

    url: str
    vendors: VendorWorld
    run: VendorRun
    log: Path

    def send(self, signed: str, body: bytes = b"{}") -> requests.Response:
        """Send something to a callback's address."""
        return requests.post(f"{self.url}/v1/callbacks/{signed}", data=body, timeout=30)

    def opened(self, world: World, *, wait_s: float) -> str:
        """Wait for another answer to the run; give what stands in its address."""
        name = new_name()
        run_id = self.run.summary["run_id"]
        row = world.scalar("SELECT min(row_ids[1]) FROM batches WHERE run_id = :run", run=run_id)
        PostgresCallbacks(world.engine).open(
            NewCallback(
                name=name,
                tenant="default",
                run_id=run_id,
                provider=_VENDOR,
                rows=(row,),
                wait_s=wait_s,
            )
        )
        return signed_name(name, _SECRET)


def environment(worker_environment: Mapping[str, str], redis_url: str) -> dict[str, str]:
    """Give the settings that interface and worker share."""
    return {
        **worker_environment,
        "ENRICH_BROKER__URL": in_database(redis_url, 14),
        "ENRICH_API__SECRET": _SECRET,
        "ENRICH_CALLBACKS__MAX_BYTES": str(_MOST_BYTES),
        "ENRICH_CALLBACKS__PROVIDERS": _VENDOR,
    }


@pytest.fixture(scope="module")
def called(
    world: World,
    redis_url: str,
    worker_environment: Mapping[str, str],
    start_worker: Callable[..., WorkerProcess],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Called]:
    """A vendor that calls back twice, and a run that asked it."""
    own = environment(worker_environment, redis_url)
    each = {_VENDOR: Behaviour(called_after_s=0.2, called_times=2)}
    log = tmp_path_factory.mktemp("callbacks") / "api.log"
    with (
        serving(own, log) as url,
        vendor_world(
            world, redis_url, own, start_worker, each, ENRICH_CALLBACKS__URL=url
        ) as vendors,
    ):
        run = vendors.run([person(number) for number in range(_ROWS)], ["job_title"])
        yield Called(url, vendors, run, log)


def test_what_a_vendor_sends_fills_the_cells_of_its_rows(called: Called) -> None:
    lines = called.run.of(_VENDOR)

    assert called.run.summary["filled"] == _ROWS
    assert called.run.untrue() == []
    assert {line.kind for line in lines} == {"pending", "found"}
    assert called.run.calls(_VENDOR) == called.vendors.simulator.ledger.calls(_VENDOR) == 1


def test_what_a_vendor_sends_is_paid_for_once(called: Called) -> None:
    charged = called.vendors.tally().charged_microcredits[_VENDOR]

    assert called.run.charged(_VENDOR) == charged > 0


def test_nothing_comes_of_an_answer_that_is_sent_twice(called: Called) -> None:
    def counted(outcome: str) -> list[str]:
        text = requests.get(f"{called.url}/metrics", timeout=30).text
        return re.findall(rf'enrich_callbacks_total{{[^}}]*outcome="{outcome}"[^}}]*}} (\S+)', text)

    assert eventually(lambda: counted("closed") == ["1.0"] or counted("closed") == ["1"])
    assert counted("taken") == counted("closed")


@pytest.mark.parametrize(
    "signed",
    [secrets.token_hex(16), signed_name(new_name(), "another"), signed_name(new_name(), _SECRET)],
    ids=["unsigned", "forged", "forgotten"],
)
def test_an_address_that_is_not_ours_tells_nothing(called: Called, signed: str) -> None:
    assert check(called.send(signed), 404)["detail"] == "there is nothing here"


def test_an_address_whose_time_is_over_tells_no_more(called: Called, world: World) -> None:
    late, ended = (called.opened(world, wait_s=wait_s) for wait_s in (-1, 600))

    assert [check(called.send(each), 410)["detail"] for each in (late, ended)] == [
        "there is nothing here any more"
    ] * 2


def test_an_answer_that_is_too_long_is_refused(called: Called, world: World) -> None:
    signed = called.opened(world, wait_s=600)

    check(called.send(signed, b"x" * (_MOST_BYTES + 1)), 413)


def test_no_address_reaches_the_log(called: Called) -> None:
    assert "/v1/callbacks/" not in called.log.read_text()


@pytest.mark.proof
def test_neither_a_killed_worker_nor_a_killed_interface_loses_an_answer(
    world: World,
    redis_url: str,
    worker_environment: Mapping[str, str],
    start_worker: Callable[..., WorkerProcess],
    tmp_path: Path,
) -> None:
    own, workers = environment(worker_environment, redis_url), []
    silent = {_VENDOR: Behaviour(called_times=0)}

    def start(name: str, settings: Mapping[str, str]) -> WorkerProcess:
        workers.append(start_worker(name, settings))
        return workers[-1]

    with (
        ThreadPoolExecutor(1) as aside,
        vendor_world(
            world, redis_url, own, start, silent, ENRICH_CALLBACKS__URL="http://127.0.0.1:9"
        ) as vendors,
    ):
        running = aside.submit(vendors.run, [person(7)], ["job_title"])
        assert eventually(lambda: bool(waiting(world)))
        workers[0].kill()
        with serving(own, tmp_path / "api.log") as url:
            ((name, key),) = waiting(world)
            answer = {"data": [{"custom": {"row": key}, "profile": PROFILE}], "status": "FINISHED"}
            address = f"{url}/v1/callbacks/{signed_name(name, _SECRET)}"
            # Taken in by an interface that nobody sweeps for: only PostgreSQL knows of it now.
            statuses = [requests.post(address, json=answer, timeout=30).status_code for _ in "12"]
        workers[0].start()
        run = running.result(timeout=60)

    assert statuses == [204, 410]
    assert [values["job_title"] for values in run.values.values()] == ["Head of Examples"]
    assert run.calls(_VENDOR) == 1


def waiting(world: World) -> Sequence[tuple[str, str]]:
    """Name what waits for an answer in a batch that waits as well, with its row's key."""
    return world.all(
        "SELECT c.name, v.value FROM callbacks c, jsonb_each_text(c.calls) v, batches b "
        "WHERE c.state = 'open' AND c.run_id = b.run_id AND b.ready_at > now()"
    )
