"""Under which name a provider's rate is booked, and how much it allows there."""

from dataclasses import replace

from enrich.domain.keys import breaker_key
from enrich.domain.rate import RateLimit
from enrich.ports import Keyed, Provider

__all__ = ["rate_of"]


def rate_of(provider: Provider, tenant: str) -> tuple[str, tuple[RateLimit, ...]]:
    """Give the governor's key for a tenant's calls, and the limits that hold there.

    What a provider allows of each key is booked by the keys that the tenant is asked with, so that
    nobody waits for another's calls; several keys are used by turns and allow so many times more.
    All else is booked for everybody together.
    """
    spec = provider.spec
    if not (spec.limits_are_of_keys and isinstance(provider, Keyed)):
        return spec.gate, spec.limits
    number, keys = provider.credential_id(tenant), provider.key_count(tenant)
    if not number:
        return spec.gate, spec.limits
    limits = tuple(replace(limit, count=limit.count * max(1, keys)) for limit in spec.limits)
    return breaker_key(spec.gate, number), limits
