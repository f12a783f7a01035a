"""Where the keys that seal other keys come from: a setting, or a file that only we can read."""

import os
import stat
from collections.abc import Callable, Sequence
from pathlib import Path

from cryptography.fernet import Fernet

from enrich.domain.secret import Secret
from enrich.errors import SettingsError
from enrich.store.sealing import new_seal_key

__all__ = ["KeyringFile", "given_keys", "seal_keys"]

_FILE = "ENRICH_KEYRING__FILE"


def seal_keys(written: str, *, setting: str) -> tuple[Secret, ...]:
    """Read keys with spaces, commas or lines between. Raises `SettingsError` for what is none."""
    words = written.replace(",", " ").split()
    for place, word in enumerate(words, start=1):
        try:
            Fernet(word)
        except ValueError:
            hint = "`enrich credentials new-key` prints one"
            raise SettingsError(setting, f"its key {place} is none", hint=hint) from None
    return tuple(Secret(word) for word in words)


def given_keys(written: str) -> Callable[[], Sequence[Secret]]:
    """Give what gives the keys of a setting, which never change."""
    keys = seal_keys(written, setting="ENRICH_KEYRING__KEYS")
    return lambda: keys


class KeyringFile:
    """A file with a key a line, the newest first, that nobody else may read."""

    def __init__(self, path: Path, *, may_make: bool) -> None:
        """Name the file; with `may_make` it is made when its keys are first wanted."""
        self._path, self._may_make = path, may_make

    def __call__(self) -> Sequence[Secret]:
        """Give the keys as they are now; none when there is no file and we may make none.

        Raises:
            SettingsError: it holds something else, or others may read it.
        """
        if self._may_make and not self._path.exists():
            self.renew()
        try:
            mode = self._path.stat().st_mode
            written = self._path.read_text("ascii")
        except FileNotFoundError:
            return ()
        except (OSError, UnicodeDecodeError) as exc:
            problem = f"{self._path} cannot be read ({type(exc).__name__})"
            raise SettingsError(_FILE, problem) from None
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            hint = f"chmod 600 {self._path}"
            raise SettingsError(_FILE, f"others may read {self._path}", hint=hint)
        return seal_keys(written, setting=_FILE)

    def renew(self) -> None:
        """Put a new key before the others; the old ones still open what they sealed.

        Raises:
            SettingsError: somebody else is at it, or the file cannot be written.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_name(f"{self._path.name}.new")
        try:
            # Exclusive: of two who renew at once, the second sees that it is the second.
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except OSError as exc:
            hint = f"remove {fresh} when nobody is" if isinstance(exc, FileExistsError) else ""
            problem = f"{fresh} cannot be made; somebody else may be making it"
            raise SettingsError(_FILE, problem, hint=hint) from None
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            before = self._path.read_text("ascii") if self._path.exists() else ""
            file.write(f"{new_seal_key()}\n{before}")
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._path)
