"""Simulated providers that answer at once, whatever they are asked; for runs of any size."""

from enrich.domain.outcome import Outcome
from enrich.domain.provider import ProviderSpec, Tier
from enrich.domain.values import JsonObject
from enrich.ports import Provider
from providers.base import LocalProvider, observed

__all__ = ["NAMES", "PLACES", "first", "second"]

NAMES = ("instant_first", "instant_second")
PLACES = ("tests.faults.instant:first", "tests.faults.instant:second")


def first() -> Provider:
    """Make the provider that knows every industry."""
    return _instant(NAMES[0], "industry", 0.9)


def second() -> Provider:
    """Make another that does, and is less sure."""
    return _instant(NAMES[1], "industry", 0.8)


def _instant(name: str, field: str, prior: float) -> Provider:
    spec = ProviderSpec(
        name=name,
        version="1",
        tier=Tier.FREE,
        gives={field: prior},
        inputs=(frozenset({"company_name"}),),
        # Asking again is quicker than remembering: nothing of a run stays in Redis.
        ttl_s=0,
        negative_ttl_s=0,
        simulated=True,
    )

    def read(_: None, inputs: JsonObject) -> Outcome:
        return observed(spec.gives, {field: "Tools" if inputs else ""})

    return LocalProvider(spec, load=lambda: None, read=read)
