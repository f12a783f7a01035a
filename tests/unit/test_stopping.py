"""Signals that end `enrich up`, and those that whoever started it has it ignore."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from enrich.cli.up import _way_out
from enrich.cli.workers import stopped_by_signals

_TELL = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from enrich.cli.up import _way_out
print(_way_out())
"""


@contextmanager
def handled(number: signal.Signals, how: Any) -> Iterator[None]:
    """Have a signal handled like this."""
    before = signal.signal(number, how)
    try:
        yield
    finally:
        signal.signal(number, before)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_a_signal_ends_it_as_ctrl_c_does(number: signal.Signals) -> None:
    with (
        handled(number, signal.SIG_DFL),
        pytest.raises(KeyboardInterrupt),
        stopped_by_signals(),
    ):
        signal.raise_signal(number)


def test_a_hangup_that_nohup_has_us_ignore_stays_ignored() -> None:
    with handled(signal.SIGHUP, signal.SIG_IGN), stopped_by_signals():
        signal.raise_signal(signal.SIGHUP)

        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


def test_it_is_told_how_to_end_what_does_not_hear_ctrl_c() -> None:
    with handled(signal.SIGINT, signal.SIG_IGN):
        assert _way_out().startswith("kill ")


def test_without_a_terminal_it_is_ctrl_c() -> None:
    # A session of its own: whoever runs the suite in the background of a terminal has one.
    done = subprocess.run(
        [sys.executable, "-c", _TELL],
        start_new_session=True,
        capture_output=True,
        text=True,
        timeout=110,
        check=True,
    )

    assert done.stdout == "Ctrl-C\n"
