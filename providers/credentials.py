"""Keys by reference: who holds them, and which of several is asked with.

A credential's name is what a provider's file says. A tenant's keys lie sealed in the database; who
has none there uses those of the settings: one key, or several with spaces between, or `file:/path`
of a file with a key a line.
"""

import hashlib
import logging
import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Protocol, TypeVar

from enrich.domain.secret import Secret
from enrich.errors import DependencyError, SettingsError
from enrich.ports.credentials import CredentialStore
from enrich.ports.outside import Clock, Credentials

__all__ = [
    "EMBEDDINGS",
    "LLM",
    "CredentialSource",
    "KeptCredentials",
    "KeyRotation",
    "StoredCredentials",
    "hidden_words",
    "set_id",
]

log = logging.getLogger("enrich.providers")

K = TypeVar("K")
T = TypeVar("T")

#: By what names the keys of servers are kept that no file of a provider describes.
EMBEDDINGS, LLM = "embeddings", "llm"
_FILE = "file:"
_NONE: tuple[Secret, ...] = ()
#: A key that was removed is asked with for so long at most.
_KNOWN_S = 60.0
#: How soon the store is looked at again after it did not answer.
_AGAIN_S = 5.0


class CredentialSource(Credentials, Protocol):
    """Credentials that can also say whether it is worth asking."""

    def has(self, name: str) -> bool:
        """Say whether anybody has a key of this name."""
        ...


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
        known = (secret.reveal() for keys in self._keys.values() for secret in keys)
        return tuple(sorted({word for value in known for word in hidden_words(value)}))


class KeptCredentials:
    """A tenant's keys in the store, else those of the settings; known for a minute at most.

    So a key that is added or removed counts within that minute, in every process.
    """

    def __init__(
        self,
        store: CredentialStore,
        fallback: StoredCredentials,
        *,
        clock: Clock,
        on_secret: Callable[[str], None],
    ) -> None:
        """Read nothing yet; `on_secret` hears of each key before it is used, for a log to hide."""
        self.store, self._fallback = store, fallback
        self._clock, self._on_secret = clock, on_secret
        self._keys: dict[tuple[str, str], tuple[float, Sequence[Secret]]] = {}
        self._names: dict[None, tuple[float, frozenset[str]]] = {}

    def get(self, tenant: str, name: str) -> Sequence[Secret]:
        """Give a tenant's own keys, else those of the settings."""
        kept = self._known(self._keys, (tenant, name), lambda: self.store.keys(tenant, name), _NONE)
        return kept or self._fallback.get(tenant, name)

    def has(self, name: str) -> bool:
        """Say whether anybody has a key of this name."""
        names: frozenset[str] = frozenset()
        kept = self._known(self._names, None, self.store.references, names)
        return name in kept or self._fallback.has(name)

    def _known(
        self, known: dict[K, tuple[float, T]], key: K, read: Callable[[], T], nothing: T
    ) -> T:
        """Give what is remembered, or read it anew; two threads may both read, and agree."""
        now_s = self._clock.monotonic_s()
        until_s, value = known.get(key, (0.0, nothing))
        if now_s < until_s:
            return value
        lasts_s = _KNOWN_S
        try:
            value = read()
        except DependencyError as exc:
            # Nobody can remove a key while the store is away: what was known still holds.
            log.warning("credentials.unreachable", extra={"reason": str(exc)})
            lasts_s = _AGAIN_S
        self._tell(value)
        known[key] = (now_s + lasts_s, value)
        return value

    def _tell(self, value: object) -> None:
        for one in value if isinstance(value, tuple) else ():
            for word in hidden_words(one.reveal()):
                self._on_secret(word)


class KeyRotation:
    """Whose turn it is among keys, and which of them rest: those that were refused or are used up.

    In memory, a process of its own; so that processes do not go in step, each begins anywhere.
    """

    def __init__(self, clock: Clock, *, first: int | None = None) -> None:
        """`first` is the place that begins, for tests."""
        self._clock = clock
        self._lock = threading.Lock()
        self._until_s: dict[Secret, float] = {}
        self._turn = secrets.randbelow(1000) if first is None else first

    def order(self, keys: Sequence[Secret]) -> tuple[Secret, ...]:
        """Give the keys that do not rest, by turns; when all do, the one that is awake first."""
        awake, until_s = self._awake(keys)
        if not awake:
            return tuple(sorted(keys, key=lambda key: until_s[key])[:1])
        with self._lock:
            place, self._turn = self._turn % len(awake), self._turn + 1
        return awake[place:] + awake[:place]

    def count(self, keys: Sequence[Secret]) -> int:
        """Count the keys that do not rest."""
        return len(self._awake(keys)[0])

    def _awake(self, keys: Sequence[Secret]) -> tuple[tuple[Secret, ...], Mapping[Secret, float]]:
        now_s = self._clock.monotonic_s()
        with self._lock:
            until_s = {key: self._until_s.get(key, 0.0) for key in keys}
        return tuple(key for key in keys if until_s[key] <= now_s), until_s

    def rest(self, key: Secret, seconds: float) -> None:
        """Leave a key alone for so long."""
        with self._lock:
            self._until_s[key] = self._clock.monotonic_s() + seconds


def hidden_words(value: str) -> frozenset[str]:
    """Give what a log has to hide of a key: itself, and the latter half of `user:password`."""
    return frozenset({value, value.rpartition(":")[2]})


@lru_cache(maxsize=1024)
def set_id(keys: tuple[Secret, ...]) -> str:
    """Name a set of keys without telling one; another set has another name.

    Slow on purpose (some ten milliseconds, once a process): a short password must not be found by
    trying.
    """
    whole = "\n".join(sorted(key.reveal() for key in keys)).encode()
    return hashlib.scrypt(whole, salt=b"enrich.credentials", n=2**13, r=8, p=1, dklen=8).hex()


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
