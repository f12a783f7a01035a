"""A worker is frozen in the middle of a call, beyond its lease, and comes back."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from sqlalchemy import text

from enrich.domain.run import RunOptions, Step, StepKind
from enrich.ports import NewRun, Selection
from tasks.messages import to_wire
from tests.integration.frozen_child import NAME
from tests.integration.worker_fixtures import World

# Two processes start, on a machine that may have other work.
pytestmark = [pytest.mark.servers, pytest.mark.timeout(300)]

OVER = """
    UPDATE batches SET lease_until = now() WHERE run_id = :run;
    UPDATE paid_calls SET held_until = now() WHERE run_id = :run AND state = 'reserved'
"""
CELL = """
    SELECT r.data ->> 'industry', (r.cells -> 'industry' ->> 'fence')::integer
    FROM rows r JOIN tables t ON t.id = r.table_id WHERE t.name = :table
"""
BILL = "SELECT count(*), sum(doubts) FROM paid_calls WHERE run_id = :run AND state = 'answered'"

Child = subprocess.Popen[str]


@pytest.fixture
def start(worker_environment: Mapping[str, str]) -> Iterator[Callable[[Step], Child]]:
    """Start a process that does a step; gives it once it waits for its answer."""
    own = {
        "ENRICH_PROVIDERS__NAMES": NAME,
        "ENRICH_PROVIDERS__MODULES": "tests.integration.frozen_child:waiting",
        # What they share besides PostgreSQL would tell the second what the first is at.
        "ENRICH_SINGLEFLIGHT__ENABLED": "false",
        "ENRICH_CACHE__ENABLED": "false",
    }
    children: list[Child] = []

    def run(step: Step) -> Child:
        child = subprocess.Popen(
            [sys.executable, "-m", "tests.integration.frozen_child", json.dumps(to_wire(step))],
            env={**os.environ, **worker_environment, **own},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        children.append(child)
        assert child.stdout is not None
        assert child.stdout.readline() == "calling\n"
        return child

    yield run
    for child in children:
        child.kill()
        child.communicate()


def answered(child: Child, value: str) -> dict[str, Any]:
    """Let it have its answer; give what it counted."""
    said, _ = child.communicate(f"{value}\n", timeout=200)
    counted: dict[str, Any] = json.loads(said.splitlines()[-1])
    return counted


def test_f10_what_a_frozen_worker_brings_late_changes_nothing_and_is_counted(
    world: World, start: Callable[[Step], Child]
) -> None:
    table = world.make_table(1)
    run, (ref,) = world.runs.create(
        NewRun(
            tenant="default",
            table=table,
            wanted=("industry",),
            selection=Selection(),
            options=RunOptions(),
            batch_rows=9,
        ),
        in_flight=9,
        lease_s=60,
    )
    frozen = start(Step(kind=StepKind.PROBE, batch=ref, providers=(NAME,), table=table))
    frozen.send_signal(signal.SIGSTOP)
    with world.engine.begin() as connection:
        connection.execute(text(OVER), {"run": run.id})
    ((_, again),) = [
        due for due in world.runs.sweep(lease_s=60, max_attempts=3).due if due[0].id == run.id
    ]
    other = start(Step(kind=StepKind.PROBE, batch=again, providers=(NAME,), table=table))
    well = answered(other, "Fresh")
    frozen.send_signal(signal.SIGCONT)
    late = answered(frozen, "Stale")

    assert (well["cells_written"], well["paid_calls_in_doubt"]) == (1, 1)
    assert (late["steps_stale"], late["paid_calls_superseded"]) == (1, 1)
    assert "cells_written" not in late
    assert world.all(CELL, table=table) == [("Fresh", 2)]
    assert world.all(BILL, run=run.id) == [(1, 1)]
