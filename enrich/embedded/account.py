"""As whom the servers run.

PostgreSQL refuses to run as root. Started by root, both servers run as an account without rights,
which must be able to reach the data and the binaries.
"""

import logging
import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path

from enrich.errors import EmbeddedServerError

__all__ = ["Account", "account_for", "open_tree", "open_way_to", "own"]

_UNPRIVILEGED = "nobody"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A user and group by number."""

    uid: int
    gid: int

    @property
    def is_me(self) -> bool:
        """Say whether this process runs as it already."""
        return os.geteuid() == self.uid


def account_for(data: Path) -> Account:
    """Choose the account of a server whose data lies (or will lie) in `data`.

    Data that belongs to somebody already stays theirs, so that a folder made by a person can be
    used by root later.
    """
    if os.geteuid() != 0:
        return Account(uid=os.geteuid(), gid=os.getegid())
    if data.exists() and (owner := data.stat()).st_uid != 0:
        return Account(uid=owner.st_uid, gid=owner.st_gid)
    try:
        entry = pwd.getpwnam(_UNPRIVILEGED)
    except KeyError as exc:
        raise EmbeddedServerError(
            f"root may not run PostgreSQL and there is no user {_UNPRIVILEGED!r}; "
            "run as another user, or set DATABASE_URL"
        ) from exc
    return Account(uid=entry.pw_uid, gid=entry.pw_gid)


def own(path: Path, account: Account, *, mode: int = 0o700) -> Path:
    """Make `path` a folder of the account that nobody else can enter, and give it back."""
    path.mkdir(mode=mode, parents=True, exist_ok=True)
    if not account.is_me:
        os.chown(path, account.uid, account.gid)
    path.chmod(mode)
    return path


def open_way_to(path: Path, account: Account) -> None:
    """Let the account pass through root's folders above `path`: pass through, not list."""
    if account.is_me:
        return
    shut = [folder for folder in path.resolve().parents if _is_shut(folder, account)]
    for folder in shut:
        folder.chmod(stat.S_IMODE(folder.stat().st_mode) | stat.S_IXOTH)
    if shut:
        names = ", ".join(map(str, shut))
        _log.warning("embedded.folders_opened", extra={"folders": names, "uid": account.uid})


def open_tree(tree: Path, account: Account) -> None:
    """Let the account read and run what root has installed under a private umask."""
    if account.is_me or not _is_private(tree):
        return
    for path in (tree, *tree.rglob("*")):
        if not path.is_symlink() and _is_private(path):
            mode = stat.S_IMODE(path.stat().st_mode)
            # Others may do what the owner may, except write.
            path.chmod(mode | (mode & (stat.S_IRUSR | stat.S_IXUSR)) >> 6)
    _log.warning("embedded.folders_opened", extra={"folders": str(tree), "uid": account.uid})


def _is_private(path: Path) -> bool:
    info = path.stat()
    return info.st_uid == 0 and not info.st_mode & stat.S_IROTH


def _is_shut(folder: Path, account: Account) -> bool:
    # Only root's own folders: another person's folder is not ours to open.
    info = folder.stat()
    if info.st_uid == account.uid or info.st_uid != 0:
        return False
    bit = stat.S_IXGRP if info.st_gid == account.gid else stat.S_IXOTH
    return not info.st_mode & bit
