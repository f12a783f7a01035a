"""The parts that a command works with, built when it needs them and closed behind it."""

from collections.abc import Iterator
from contextlib import contextmanager

from enrich.bootstrap import Services, build
from enrich.telemetry import configure_logging

__all__ = ["Services", "opened"]


@contextmanager
def opened() -> Iterator[Services]:
    """Build the parts from the settings, starting embedded servers where no address is set.

    Raises:
        SettingsError, DependencyError: they cannot be built.
    """
    # What the parts have to say is for operators; a person at the shell hears of trouble only.
    configure_logging("ERROR")
    services = build()
    try:
        yield services
    finally:
        services.close()
