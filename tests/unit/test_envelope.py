"""What a message must look like before a task sees it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tasks.envelope import Envelope, problem_of, sending_problem

NOW = datetime(2026, 5, 1, tzinfo=UTC)
GOOD = Envelope(
    headers={
        "task": "enrich.cell",
        "id": "a-task",
        "retries": 0,
        "timelimit": [None, None],
        "eta": None,
        "expires": None,
        "group": None,
    },
    body=[["table", "row"], {}, {"chord": None}],
    body_bytes=100,
)


def problem_with(**headers: Any) -> str:
    envelope = replace(GOOD, headers={**GOOD.headers, **headers})
    return problem_of(envelope, now=NOW, most_bytes=1000)


def test_a_message_of_celery_has_no_problem() -> None:
    assert problem_with() == ""
    assert problem_with(eta="2026-05-01T00:00:30+00:00", expires="2026-05-01T00:00:00") == ""
    assert problem_with(retries=3, timelimit=[10, 8.5]) == ""


@pytest.mark.parametrize(
    ("headers", "says"),
    [
        ({"task": None}, "has no task"),
        ({"task": ["enrich.cell"]}, "has no task"),
        ({"id": 17}, "has no id"),
        ({"id": ""}, "has no id"),
        ({"group": {"a": 1}}, "header group"),
        ({"expires": 5}, "header expires"),
        ({"retries": 10**9}, "header retries"),
        ({"retries": -1}, "header retries"),
        ({"retries": "3"}, "header retries"),
        ({"retries": True}, "header retries"),
        ({"timelimit": 5}, "header timelimit"),
        ({"timelimit": ["a", "b"]}, "header timelimit"),
        ({"timelimit": [1, 2, 3]}, "header timelimit"),
        ({"expires": "tomorrow"}, "header expires"),
        ({"eta": "soon"}, "header eta"),
        ({"eta": 5}, "header eta"),
        ({"eta": "9999-12-31T00:00:00+00:00"}, "is due in more than 60 s"),
        ({"eta": "2026-05-01T00:01:01"}, "is due in more than 60 s"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_headers_that_celery_would_stumble_over_have_a_problem(
    headers: dict[str, Any], says: str
) -> None:
    assert says in problem_with(**headers)


@pytest.mark.parametrize(
    "body", [None, [], {}, "text", [[], {}], [{}, [], {}], [[], {}, []]], ids=str
)
def test_a_body_of_another_shape_is_a_problem(body: object) -> None:
    envelope = replace(GOOD, body=body)

    assert "body is not" in problem_of(envelope, now=NOW, most_bytes=1000)


def test_a_message_that_is_too_long_is_a_problem() -> None:
    assert "100 bytes" in problem_of(GOOD, now=NOW, most_bytes=99)


@pytest.mark.parametrize(
    ("args", "options", "field"),
    [
        (("x" * 2000,), {}, "arguments"),
        ((), {"countdown": 61}, "countdown"),
        ((), {"eta": datetime.now(UTC) + timedelta(days=1)}, "eta"),
    ],
    ids=["long", "countdown", "eta"],
)
def test_what_would_be_parked_is_not_sent(
    args: tuple[str, ...], options: dict[str, Any], field: str
) -> None:
    problem = sending_problem(args, None, options, most_bytes=1000)

    assert problem is not None
    assert problem.field == field
    assert problem.hint


def test_what_will_not_be_parked_is_sent() -> None:
    options = {"countdown": 30, "eta": datetime.now(UTC) - timedelta(days=1), "queue": "celery"}

    assert sending_problem(("table", "row"), {"force": True}, options, most_bytes=1000) is None
