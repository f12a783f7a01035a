"""Simulated providers that answer at once, whatever they are asked; for runs of any size.

`INSTANT_CALLS` may name a file that grows by a byte with every question, whoever asks it.
"""

import os

from enrich.domain.outcome import Outcome
from enrich.domain.provider import ProviderSpec, Tier
from enrich.domain.values import JsonObject
from enrich.ports import Provider
from providers.base import LocalProvider, observed

__all__ = ["CALLS", "NAMES", "PLACES", "first", "second"]

#: The setting that names the file.
CALLS = "INSTANT_CALLS"

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

    book = os.open(os.environ.get(CALLS, os.devnull), os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def read(_: None, inputs: JsonObject) -> Outcome:
        os.write(book, b".")
        return observed(spec.gives, {field: "Tools" if inputs else ""})

    return LocalProvider(spec, load=lambda: None, read=read)
