"""The parts that a command works with, built when it needs them and closed behind it."""

from collections.abc import Iterator
from contextlib import contextmanager

from enrich.bootstrap import Services, build

__all__ = ["Services", "opened"]


@contextmanager
def opened() -> Iterator[Services]:
    """Build the parts from the settings, starting embedded servers where no address is set.

    Raises:
        SettingsError, DependencyError: they cannot be built.
    """
    services = build()
    try:
        yield services
    finally:
        services.close()
