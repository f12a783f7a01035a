"""A shell on servers of the session, and one that starts its own."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from enrich import embedded
from tests.acceptance.shell import Shell
from tests.store_fixtures import empty_database_url
from tests.waiting import patient

__all__ = ["bare_shell", "empty_database_url", "shell"]


@pytest.fixture(scope="session")
def shell(
    database_url: str,
    redis_url: str,
    warm_enrich: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Shell:
    """A shell whose database has the newest schema."""
    folder = tmp_path_factory.mktemp("shell")
    own = {
        "DATABASE_URL": database_url,
        "REDIS_URL": patient(redis_url),
        # Celery reads such an address of a socket only.
        "ENRICH_BROKER__URL": patient(redis_url) if redis_url.startswith("unix:") else redis_url,
        "ENRICH_HOME": str(folder / "home"),
    }
    shell = Shell(folder, own, (str(warm_enrich),))
    done = shell("migrate")
    assert done.returncode == 0, done.stderr
    return shell


@pytest.fixture
def bare_shell() -> Iterator[Shell]:
    """A shell without any address set; what it leaves running is stopped."""
    folder = Path(tempfile.mkdtemp(prefix="enrich-a-"))  # a socket's path must be short
    try:
        yield Shell(folder, {"ENRICH_HOME": str(folder / "home")})
    finally:
        embedded.stop(folder / "home")
        shutil.rmtree(folder)
