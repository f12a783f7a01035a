"""Keys by reference: who holds them, and which of several is asked with.

A credential's name is what a provider's file says. Its value comes from the settings: one key, or
several with spaces between, or `file:/path` of a file with a key a line.
"""

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from enrich.domain.secret import Secret
from enrich.errors import SettingsError
from enrich.ports.outside import Clock

__all__ = ["KeyRotation", "StoredCredentials"]

_FILE = "file:"
_NONE: tuple[Secret, ...] = ()


class StoredCredentials:
    """Credentials that lie in memory: `name` for everybody, `name__tenant` for one tenant.

    Names are in small letters, as they come from an environment that has no other case; so only a
    tenant in small letters can have keys of its own there.
    """

    def __init__(self, values: Mapping[str, str]) -> None:
        """Read the values, and the files that they name.

        Raises:
            SettingsError: a file cannot be read; says which name, never what it holds.
        """
        self._keys = {name.lower(): _keys(name, value) for name, value in values.items()}

    def get(self, tenant: str, name: str) -> Sequence[Secret]:
        """Give a tenant's own keys, else everybody's."""
        # No name holds two underscores, so a tenant cannot be spelt to reach another's keys.
        return self._keys.get(f"{name}__{tenant}") or self._keys.get(name, _NONE)

    def has(self, name: str) -> bool:
        """Say whether anybody has a key of this name."""
        return any(keys and each.partition("__")[0] == name for each, keys in self._keys.items())

    def secrets(self) -> tuple[str, ...]:
        """Give the values themselves, for a log to hide; both halves of `user:password`."""
        known = {secret.reveal() for keys in self._keys.values() for secret in keys}
        return tuple(sorted(known | {value.rpartition(":")[2] for value in known}))


class KeyRotation:
    """Which keys rest: those that were refused, or are used up. In memory, a process of its own."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._until_s: dict[Secret, float] = {}

    def order(self, keys: Sequence[Secret]) -> tuple[Secret, ...]:
        """Give the keys that do not rest; when all do, the one whose rest ends first."""
        now_s = self._clock.monotonic_s()
        with self._lock:
            until_s = {key: self._until_s.get(key, 0.0) for key in keys}
        awake = tuple(key for key in keys if until_s[key] <= now_s)
        return awake or tuple(sorted(keys, key=lambda key: until_s[key])[:1])

    def rest(self, key: Secret, seconds: float) -> None:
        """Leave a key alone for so long."""
        with self._lock:
            self._until_s[key] = self._clock.monotonic_s() + seconds


def _keys(name: str, value: str) -> tuple[Secret, ...]:
    if not value.startswith(_FILE):
        return tuple(Secret(key) for key in value.split())
    try:
        lines = Path(value.removeprefix(_FILE)).read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as exc:
        problem = f"its file cannot be read ({type(exc).__name__})"
        variable = f"ENRICH_CREDENTIALS__{name.upper()}"
        raise SettingsError(variable, problem, hint="write file:/path of a readable file") from None
    return tuple(Secret(line.strip()) for line in lines if line.strip())
