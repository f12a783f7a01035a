"""The parts that a command works with, built when it needs them and closed behind it."""

from collections.abc import Iterator
from contextlib import contextmanager

from enrich.bootstrap import Services, build
from enrich.telemetry import configure_logging

__all__ = ["Services", "logs_for_a_person", "opened"]


def logs_for_a_person() -> None:
    """Keep the log to trouble: what the parts have to say is for operators."""
    configure_logging("ERROR")


@contextmanager
def opened() -> Iterator[Services]:
    """Build the parts from the settings, starting embedded servers where no address is set.

    Raises:
        SettingsError, DependencyError: they cannot be built.
    """
    logs_for_a_person()
    services = build()
    try:
        yield services
    finally:
        services.close()
