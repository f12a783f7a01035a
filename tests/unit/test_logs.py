"""Log lines: their shape, and what never stands in them."""

import io
import json
import logging
from collections.abc import Iterator

import pytest

from enrich.telemetry.logs import JsonFormatter, PlainFormatter, configure_logging, show_warnings
from enrich.telemetry.redaction import HIDDEN, redacted, register_secret

pytestmark = pytest.mark.usefixtures("restored_root")


@pytest.fixture
def restored_root() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:], root.level = handlers, level


def record(message: str, **extra: object) -> logging.LogRecord:
    return logging.makeLogRecord({"msg": message, "levelname": "INFO", "name": "test", **extra})


def test_event_is_one_json_object_with_its_fields() -> None:
    line = JsonFormatter().format(record("probe.finished", provider="gleif", rows=3))

    found = json.loads(line)
    assert (found["event"], found["provider"], found["rows"]) == ("probe.finished", "gleif", 3)
    assert (found["level"], found["logger"]) == ("info", "test")


@pytest.mark.parametrize("formatter", [JsonFormatter(), PlainFormatter()], ids=["json", "plain"])
@pytest.mark.parametrize("breaker", ["\r\n", "\n", "\x1b[2J", "\u2028", "\x85", "\x00"], ids=ascii)
def test_i38_no_value_begins_a_line_or_moves_the_cursor(
    formatter: logging.Formatter, breaker: str
) -> None:
    evil = f'{breaker}{{"level":"x"}}'

    line = formatter.format(record(f"row.read{evil}", **{"key": evil, f"name{breaker}": 1}))

    assert len(line.splitlines()) == 1
    assert line.isprintable()


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Basic c2VjcmV0LXZhbHVl",
        "{'authorization': 'Token secret-value'}",
        "sent Bearer c2VjcmV0LXZhbHVl to it",
        "GET /v1?api_key=secret-value&q=1",
        "X-API-Key: secret-value",
        '{"password": "secret-value"}',
        "redis://:secret-value@host:6379/0",
        "postgresql://user:secret-value@host/db",
        "client_secret=secret-value",
    ],
)
def test_what_stands_where_a_secret_stands_is_hidden(text: str) -> None:
    shown = str(redacted(text))

    assert "secret-value" not in shown
    assert "c2VjcmV0LXZhbHVl" not in shown
    assert HIDDEN in shown


@pytest.mark.parametrize(
    "text",
    ["https://example.org:8080/a?b=1", "bearer of news", "2026-11-21T10:00:00", "tokens 12"],
)
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert redacted(text) == text


@pytest.mark.parametrize("formatter", [JsonFormatter(), PlainFormatter()], ids=["json", "plain"])
def test_registered_secret_is_hidden_in_any_depth(formatter: logging.Formatter) -> None:
    register_secret('pa"ss\\wörd-1')

    line = formatter.format(record('x pa"ss\\wörd-1', a=[{"b": ('pa"ss\\wörd-1',)}]))

    assert "rd-1" not in line


def test_registered_secret_is_hidden_in_a_traceback() -> None:
    register_secret("hunter2-hunter2")
    error = ValueError("it was hunter2-hunter2")

    line = JsonFormatter().format(record("it.failed", exc_info=(ValueError, error, None)))

    assert json.loads(line)["error"] == "ValueError"
    assert "hunter2" not in line


def test_field_that_is_named_like_a_secret_hides_its_value() -> None:
    line = JsonFormatter().format(record("provider.asked", api_key="short", hunter_token=7))

    found = json.loads(line)
    assert (found["api_key"], found["hunter_token"]) == (HIDDEN, HIDDEN)


def test_short_secret_does_not_blot_out_words() -> None:
    register_secret("cell")

    assert redacted("cell.written") == "cell.written"


def test_number_that_json_lacks_becomes_text() -> None:
    line = JsonFormatter().format(record("probe.finished", latency_s=float("nan")))

    assert json.loads(line)["latency_s"] == "nan"


def test_field_cannot_pose_as_the_level() -> None:
    line = JsonFormatter().format(record("row.read", level="critical", at="never"))

    assert json.loads(line)["level"] == "info"


def test_second_configuration_replaces_the_first() -> None:
    first, second = io.StringIO(), io.StringIO()
    configure_logging(stream=first)
    configure_logging("WARNING", stream=second)

    logging.getLogger("test").info("not.shown")
    logging.getLogger("test").warning("row.skipped", extra={"row": 1})

    assert first.getvalue() == ""
    assert json.loads(second.getvalue())["row"] == 1


@pytest.fixture
def ours() -> Iterator[logging.Logger]:
    """Our logger without a handler."""
    logger = logging.getLogger("enrich")
    handlers, logger.handlers[:] = list(logger.handlers), []
    yield logger
    logger.handlers[:] = handlers


def test_a_warning_is_shown_with_its_fields_where_nobody_set_logging_up(
    ours: logging.Logger,
) -> None:
    shown = io.StringIO()
    logging.getLogger().handlers.clear()
    show_warnings(shown)

    ours.getChild("providers").warning("provider.deprecated", extra={"provider": "clearbit"})

    assert shown.getvalue().endswith("provider.deprecated provider=clearbit\n")


def test_who_sets_logging_up_later_gets_the_warnings_instead(ours: logging.Logger) -> None:
    before, theirs = io.StringIO(), io.StringIO()
    logging.getLogger().handlers.clear()
    show_warnings(before)
    configure_logging(stream=theirs)

    ours.warning("redis.lost")

    assert (before.getvalue(), json.loads(theirs.getvalue())["event"]) == ("", "redis.lost")


def test_plain_form_shows_time_level_event_and_fields() -> None:
    shown = PlainFormatter().format(record("run.finished", run=7, created=0.0))

    assert shown == "00:00:00 info    run.finished run=7"
