"""Keys of shared state: safe and short whatever the name holds."""

import re
from collections.abc import Iterable
from functools import lru_cache

from enrich.domain.keys import digest, redis_key

__all__ = ["key_of", "keys_of"]

_PLAIN = re.compile(r"[A-Za-z0-9_.-]{1,64}")


def key_of(version: int, kind: str, tenant: str, name: str) -> str:
    """Build the Redis key of a tenant's thing; a name that is long or unusual is hashed."""
    return keys_of(version, kind, tenant, (name,))[0]


def keys_of(version: int, kind: str, tenant: str, names: Iterable[str]) -> list[str]:
    """Build the Redis keys of many things of a tenant."""
    before, is_plain = _up_to_name(version, kind, tenant), _PLAIN.fullmatch
    # The tilde is no plain character, so no plain name looks like a hashed one.
    return [f"{before}{n if is_plain(n) else '~' + digest((n,))}}}" for n in names]


@lru_cache(maxsize=1024)
def _up_to_name(version: int, kind: str, tenant: str) -> str:
    # Hashing the tenant takes longer than all the rest of a key.
    return redis_key(version, kind, tenant, "").removesuffix("}")
