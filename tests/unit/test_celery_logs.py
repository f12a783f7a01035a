"""Celery's own words stand in the log as events."""

import json
import logging

import pytest
from celery.exceptions import Reject

from enrich.telemetry import configure_logging
from tasks.logs import calm, is_news, say


def test_what_a_signal_brings_is_an_event_on_a_line(capfd: pytest.CaptureFixture[str]) -> None:
    before = logging.getLogger().handlers[:]
    configure_logging(as_json=True)
    try:
        say("worker: Warm shutdown (MainProcess)")
    finally:
        logging.getLogger().handlers[:] = before

    (line,) = capfd.readouterr().err.splitlines()
    assert json.loads(line)["event"] == "worker: Warm shutdown (MainProcess)"


@pytest.mark.parametrize(
    ("text", "is_told"),
    [("x.py:1: CPendingDeprecationWarning: In 6.0 …", False), ("x.py:1: UserWarning: y", True)],
    ids=["of a later version", "of this installation"],
)
def test_a_warning_is_told_when_it_is_about_this_installation(text: str, is_told: bool) -> None:
    assert is_news(logging.makeLogRecord({"msg": text})) is is_told


def test_a_step_that_goes_back_because_the_broker_loads_is_one_line() -> None:
    reason = ConnectionError("Valkey is loading the dataset in memory")
    raised = Reject(reason, requeue=False)
    record = logging.makeLogRecord(
        {"levelno": logging.ERROR, "exc_info": (Reject, raised, None),
         "data": {"name": "enrich.probe", "args": "secret"}}
    )  # fmt: skip

    assert calm(record)

    assert (record.getMessage(), record.levelname, record.exc_info) == (
        "task.given_back",
        "WARNING",
        None,
    )
    assert vars(record)["error"] == str(reason)
    assert "data" not in vars(record)
