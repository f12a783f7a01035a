"""Seal the keys of providers, so that a dump of the database tells none.

Fernet of `cryptography`: AES-128-CBC and HMAC-SHA256. Whose key it is lies inside what is sealed:
one that was moved to another tenant's row does not open there.
"""

import json
from collections.abc import Callable, Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from enrich.domain.secret import Secret
from enrich.errors import SealedError

__all__ = ["Sealer", "new_seal_key"]

_HOW_TO = "set ENRICH_KEYRING__KEYS (or __FILE); `enrich credentials new-key` prints one"


def new_seal_key() -> str:
    """Make a key to seal with."""
    return Fernet.generate_key().decode()


class Sealer:
    """Seals with the newest of our keys, opens with any. Safe to use from many threads."""

    def __init__(self, load: Callable[[], Sequence[Secret]]) -> None:
        """Take what gives our keys, the newest first; it is called at first use.

        It is called again when a seal does not open: the keys may have been changed meanwhile.
        """
        self._load = load
        self._known: MultiFernet | None = None

    def seal(self, tenant: str, credential: str, name: str, secret: Secret) -> str:
        """Give what may be stored. Raises `SealedError` when there is no key of ours."""
        whole = json.dumps([tenant, credential, name, secret.reveal()])
        fernet = self._known or self._loaded()
        if fernet is None:
            raise SealedError(credential, "there is nothing to seal it with", hint=_HOW_TO)
        return fernet.encrypt(whole.encode()).decode()

    def open(self, tenant: str, credential: str, name: str, sealed: str) -> Secret:
        """Give the key back. Raises `SealedError` when it does not open, or is of another row."""
        *place, value = self._opened(credential, sealed)
        if place != [tenant, credential, name]:
            raise SealedError(credential, "what is stored belongs to another row", hint="remove it")
        return Secret(value)

    def _opened(self, credential: str, sealed: str) -> Sequence[str]:
        whole = _decrypted(self._known, sealed) or _decrypted(self._loaded(), sealed)
        if whole is not None:
            return whole
        raise SealedError(credential, "none of our keys opens it", hint=_HOW_TO)

    def _loaded(self) -> MultiFernet | None:
        keys = [Fernet(key.reveal()) for key in self._load()]
        self._known = MultiFernet(keys) if keys else None
        return self._known


def _decrypted(fernet: MultiFernet | None, sealed: str) -> list[str] | None:
    try:
        whole: list[str] | None = json.loads(fernet.decrypt(sealed)) if fernet else None
    except InvalidToken:
        return None
    return whole
