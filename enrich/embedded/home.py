"""What lies where under a home, and who may use it at a time."""

import fcntl
import hashlib
import os
import re
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from enrich.embedded.account import Account, own
from enrich.errors import EmbeddedServerError

__all__ = ["Home", "claimed", "holds", "locked"]

#: The shortest limit of a socket's path among the platforms (macOS, its final zero included).
_SOCKET_PATH_MAX = 104
_LONGEST_SOCKET = ".s.PGSQL.5432.lock"
#: PostgreSQL's configuration and the addresses each quote other characters in their own way.
_PLAIN_PATH = re.compile(r"[\w./+-]+")


@dataclass(frozen=True, slots=True)
class Home:
    """The folder that holds all of the embedded servers: data, logs and locks."""

    root: Path

    @classmethod
    def at(cls, path: Path) -> "Home":
        """Name the home at `path`; links are followed, so that one folder is one home."""
        return cls(path.expanduser().resolve())

    def folder(self, server: str) -> Path:
        """Where a server keeps its data folder."""
        return self.root / server

    def data(self, server: str) -> Path:
        """Where a server's data lies."""
        return self.root / server / "data"

    def log(self, server: str) -> Path:
        """Where a server's output goes."""
        return self.root / f"{server}.log"

    def alive(self, server: str) -> Path:
        """The file that a running server holds locked, by a descriptor that it inherits."""
        return self.root / f"{server}.alive"

    @property
    def sockets(self) -> Path:
        """Where the sockets lie: inside, unless the path is too long or too odd for a socket."""
        inside = self.root / "run"
        is_plain = _PLAIN_PATH.fullmatch(str(inside)) is not None
        if is_plain and len(os.fsencode(inside / _LONGEST_SOCKET)) < _SOCKET_PATH_MAX:
            return inside
        name = hashlib.sha256(os.fsencode(self.root)).hexdigest()[:16]
        return Path(tempfile.gettempdir(), f"enrich-{name}")

    def prepare_sockets(self, account: Account) -> Path:
        """Make the folder of the sockets, the account's own.

        Raises:
            EmbeddedServerError: somebody else has put a folder or a link in its place.
        """
        folder = self.sockets
        try:
            folder.mkdir(mode=0o700)
        except FileExistsError:
            _refuse_foreign(folder, account)
        return own(folder, account)


def _refuse_foreign(folder: Path, account: Account) -> None:
    info = folder.lstat()
    if not stat.S_ISDIR(info.st_mode) or info.st_uid not in {os.geteuid(), account.uid}:
        raise EmbeddedServerError(
            f"{folder} is needed for the sockets and belongs to somebody else; "
            "remove it, or set ENRICH_HOME to a shorter path"
        )


@contextmanager
def locked(path: Path) -> Iterator[int]:
    """Hold the file at `path` locked among processes and threads; waits for whoever holds it.

    The lock goes with its holder, however that one ends, so it cannot be left behind.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def claimed(path: Path) -> Iterator[bool]:
    """Lock the file at `path` if nobody holds it, for as long as the block lasts; says whether."""
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)


def holds(path: Path) -> bool:
    """Say whether some process holds the file at `path` locked."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        # Shared, so that two who ask at once do not take each other for a holder.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
