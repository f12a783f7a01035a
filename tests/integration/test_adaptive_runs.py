"""A run that chooses whom to ask, carried out by a real worker."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.integration.worker_fixtures import World

pytestmark = [pytest.mark.servers, pytest.mark.worker]

Ask = Callable[..., Any]
ROWS = 50


def test_a_worker_chooses_row_by_row_whom_to_ask(ask: Ask, world: World) -> None:
    table = world.make_table(ROWS)

    done = ask("enrich.table", table, ["industry", "city"], policy="adaptive")

    run = done["run_id"]
    assert (done["state"], done["pending"]) == ("done", 0)
    assert done["filled"] > ROWS
    cells = [row.cells["industry"] for row in world.rows.scan("default", table)]
    assert {cell.fusion for cell in cells if cell.provider} == {"learned"}
    # Nobody was asked twice, and no dear one about all that a cheaper one may know.
    asked = dict(
        world.all(
            "SELECT provider, count(*) FROM responses WHERE run_id = :run GROUP BY 1", run=run
        )
    )
    assert max(asked.values()) <= ROWS
    (counts,) = world.all("SELECT count(*), count(DISTINCT (row_id, provider)) FROM responses"
                          " WHERE run_id = :run", run=run)  # fmt: skip
    assert counts[0] == counts[1]


def test_an_unknown_policy_is_refused_with_the_known_ones(ask: Ask, world: World) -> None:
    table = world.make_table(1)

    with pytest.raises(Exception, match="sequential, parallel, adaptive"):
        ask("enrich.table", table, policy="clever")
