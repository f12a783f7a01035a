"""Keys of shared state: safe and short whatever the name holds."""

import re
from functools import lru_cache

from enrich.domain.keys import digest, redis_key

__all__ = ["key_of"]

_PLAIN = re.compile(r"[A-Za-z0-9_.-]{1,64}")


def key_of(version: int, kind: str, tenant: str, name: str) -> str:
    """Build the Redis key of a tenant's thing; a name that is long or unusual is hashed."""
    # The tilde is no plain character, so no plain name looks like a hashed one.
    plain = name if _PLAIN.fullmatch(name) else f"~{digest((name,))}"
    return f"{_up_to_name(version, kind, tenant)}{plain}}}"


@lru_cache(maxsize=1024)
def _up_to_name(version: int, kind: str, tenant: str) -> str:
    # Hashing the tenant takes longer than all the rest of a key.
    return redis_key(version, kind, tenant, "").removesuffix("}")
