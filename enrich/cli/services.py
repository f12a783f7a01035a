"""The parts that a command works with, built when it needs them and closed behind it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from enrich.bootstrap import Services

__all__ = ["opened"]


@contextmanager
def opened() -> Iterator[Services]:
    """Build the parts from the settings, starting embedded servers where no address is set.

    Raises:
        SettingsError, DependencyError: they cannot be built.
    """
    from enrich.bootstrap import build
    from enrich.settings import Settings

    services = build(Settings())
    try:
        yield services
    finally:
        services.close()
