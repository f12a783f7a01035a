"""Keys of shared state: safe and short whatever the name holds."""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

from enrich.domain.keys import digest, redis_key

__all__ = ["key_of", "keys_of"]

_PLAIN = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_ALL_PLAIN = re.compile(rf"(?:{_PLAIN.pattern}\n)*{_PLAIN.pattern}")


def key_of(version: int, kind: str, tenant: str, name: str) -> str:
    """Build the Redis key of a tenant's thing; a name that is long or unusual is hashed."""
    return keys_of(version, kind, tenant, (name,))[0]


def keys_of(version: int, kind: str, tenant: str, names: Iterable[str]) -> list[str]:
    """Build the Redis keys of many things of a tenant."""
    before, names = _up_to_name(version, kind, tenant), [*names]
    if _are_plain(names):
        return [f"{before}{name}}}" for name in names]
    is_plain = _PLAIN.fullmatch
    # The tilde is no plain character, so no plain name looks like a hashed one.
    return [f"{before}{n if is_plain(n) else '~' + digest((n,))}}}" for n in names]


def _are_plain(names: Sequence[str]) -> bool:
    """Say whether all are plain: one look at hundreds, instead of hundreds."""
    joined = "\n".join(names)
    return joined.count("\n") == len(names) - 1 and bool(_ALL_PLAIN.fullmatch(joined))


@lru_cache(maxsize=1024)
def _up_to_name(version: int, kind: str, tenant: str) -> str:
    # Hashing the tenant takes longer than all the rest of a key.
    return redis_key(version, kind, tenant, "").removesuffix("}")
