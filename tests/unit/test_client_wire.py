"""What the light client writes for workers, and what it reads of their answers."""

import json
from base64 import b64decode
from datetime import UTC, datetime
from typing import Any

import pytest

from enrich.client import requests, wire
from enrich.client.requests import Request, RunTotals
from enrich.domain.result import CellResult
from enrich.errors import BadInputError, RefusedError, RunFailedError
from tasks.envelope import Envelope, problem_of

CELL = CellResult(value="Watches", confidence=0.9, provider="acme", state="filled")
TOTALS = dict.fromkeys(RunTotals.__dataclass_fields__, 1) | {"table": "t", "state": "done"}


def sent(request: Request[Any]) -> dict[str, Any]:
    message = wire.encode(request, task_id="id-1", most_bytes=10_000, origin="test")
    parsed: dict[str, Any] = json.loads(message.text)
    return parsed


def body(request: Request[Any]) -> Any:
    return json.loads(b64decode(sent(request)["body"]))


def answer(status: str, result: object) -> str:
    return json.dumps({"status": status, "result": result})


def refused(kind: str, *words: str) -> str:
    return answer("FAILURE", {"exc_type": kind, "exc_message": words, "exc_module": "m"})


@pytest.mark.parametrize(
    ("lengths", "sizes"),
    [
        pytest.param([10] * 1_001, [500, 500, 1], id="many-short-ones"),
        pytest.param([700_000] * 3, [1, 1, 1], id="long-ones"),
        pytest.param([2_000_000, 10, 10], [1, 2], id="one-beyond-the-bound"),
        pytest.param([], [], id="none"),
    ],
)
def test_a_command_carries_hundreds_of_messages_but_not_too_many_bytes(
    lengths: list[int], sizes: list[int]
) -> None:
    messages = [
        wire.Message(task_id=str(place), task="t", text="x" * length)
        for place, length in enumerate(lengths)
    ]

    cut = list(wire.parcels(messages))

    assert [len(parcel) for parcel in cut] == sizes
    assert [message for parcel in cut for message in parcel] == messages


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        pytest.param(
            requests.cell("t", "r", "c", max_cost=0.5),
            {"table_id": "t", "row_id": "r", "column_key": "c", "max_cost": 0.5},
            id="cell",
        ),
        pytest.param(
            requests.row("t", "r", ("a", "b")),
            {"table_id": "t", "row_id": "r", "columns": ["a", "b"]},
            id="row",
        ),
        pytest.param(
            requests.rows("t", ("1", "2"), tenant="acme"),
            {"table_id": "t", "row_ids": ["1", "2"], "columns": None, "tenant": "acme"},
            id="rows",
        ),
        pytest.param(
            requests.table("t", where={"state": ["failed"]}, policy="adaptive"),
            {
                "table_id": "t",
                "columns": None,
                "where": {"state": ["failed"]},
                "policy": "adaptive",
            },
            id="table",
        ),
    ],
)
def test_arguments_travel_by_name(request_: Request[Any], expected: dict[str, Any]) -> None:
    assert body(request_)[:2] == [[], expected]


def test_a_worker_finds_nothing_to_park_in_a_message() -> None:
    raw = sent(requests.cell("t", "r", "c"))
    envelope = Envelope(
        headers=raw["headers"], body=body(requests.cell("t", "r", "c")), body_bytes=100
    )

    assert problem_of(envelope, now=datetime.now(UTC), most_bytes=10_000) == ""


def test_what_is_shown_of_a_message_tells_no_row() -> None:
    headers = sent(requests.row("people", "ada@apple.com"))["headers"]

    assert (headers["argsrepr"], headers["kwargsrepr"]) == ("()", "table=people")


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        pytest.param(requests.rows("t", ["x" * 100] * 200), "bytes long; 10000", id="too long"),
        pytest.param(
            requests.cell("t", "r", "c", max_cost=float("nan")), "JSON", id="not a number"
        ),
        pytest.param(requests.cell("t", object(), "c"), "JSON", id="no text"),  # type: ignore[arg-type]
    ],
)
def test_what_no_worker_could_take_is_not_sent(request_: Request[Any], said: str) -> None:
    with pytest.raises(BadInputError, match=said):
        wire.encode(request_, task_id="id-1", most_bytes=10_000, origin="test")


def test_a_cell_is_read_as_it_was_written() -> None:
    request = requests.cell("t", "r", "c")

    assert wire.read_result(request, answer("SUCCESS", CELL.to_json())) == CELL


def test_a_row_is_read_cell_by_cell() -> None:
    raw = answer("SUCCESS", {"c": CELL.to_json()})

    assert wire.read_result(requests.row("t", "r"), raw) == {"c": CELL}


def test_totals_of_a_newer_worker_are_read_without_what_is_new() -> None:
    raw = answer("SUCCESS", {**TOTALS, "invented_later": 3})

    totals = wire.read_result(requests.table("t"), raw)

    assert totals == RunTotals(**TOTALS)  # type: ignore[arg-type] # of no one type


@pytest.mark.parametrize("raw", [None, answer("PENDING", None), answer("STARTED", {"pid": 1})])
def test_there_is_no_result_before_the_end(raw: str | None) -> None:
    assert wire.read_result(requests.cell("t", "r", "c"), raw) is None


def test_a_refusal_keeps_its_sentence() -> None:
    said = "there is no column 'industri' in table 't'; did you mean 'industry'?"

    with pytest.raises(RefusedError, match="did you mean 'industry'"):
        wire.read_result(requests.cell("t", "r", "industri"), refused("UnknownNameError", said))


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        pytest.param(refused("RunFailedError", "run 7 was cancelled"), "cancelled", id="cancelled"),
        pytest.param(refused("KeyError"), "KeyError", id="without words"),
        pytest.param(answer("REVOKED", "revoked"), "no reason was given", id="revoked"),
    ],
)
def test_what_did_not_end_well_is_said_so(raw: str, said: str) -> None:
    with pytest.raises(RunFailedError, match=said):
        wire.read_result(requests.cell("t", "r", "c"), raw)


@pytest.mark.parametrize(("waits", "said"), [(True, "start one with"), (False, "goes on")])
def test_silence_is_told_apart(waits: bool, said: str) -> None:
    message = wire.encode(
        requests.cell("t", "r", "c"), task_id="id-1", most_bytes=10_000, origin="test"
    )

    error = wire.absence(message, waited_s=2.0, waits=waits, ahead=4)

    assert said in str(error)
    assert (error.task_id, error.is_taken) == ("id-1", not waits)
