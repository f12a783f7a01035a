"""Three simulated providers: each knows four fields of every company, and takes 50 ms to say so.

Everybody who is measured asks these, and waits in the way that suits him: a thread, or a loop.
"""

import time
from collections.abc import Sequence

from enrich.domain.outcome import Found
from enrich.domain.provider import Answer, ProviderSpec, Query, Tier
from enrich.domain.values import JsonObject, Observation
from enrich.ports import Deadline, Provider

__all__ = [
    "FIELDS",
    "LATENCY_S",
    "NAMES",
    "PLACES",
    "SURE",
    "Vendor",
    "first",
    "known_of",
    "second",
    "third",
]

LATENCY_S = 0.05
FIELDS = ("industry", "sector", "company_description", "headquarters")
NAMES = ("vendor_a", "vendor_b", "vendor_c")
PLACES = tuple(f"{__name__}:{function}" for function in ("first", "second", "third"))
#: How sure each is of what it says.
SURE = dict(zip(NAMES, (0.9, 0.85, 0.8), strict=True))
_BULK = 200
_INDUSTRIES = ("Tools", "Software", "Retail", "Mining", "Banking", "Textiles", "Energy")
_CITIES = ("Oslo", "Lisbon", "Toronto", "Nairobi", "Osaka", "Lima", "Cork")


def known_of(vendor: str, company: str) -> JsonObject:
    """Give what a provider knows of a company: two of them agree, the third has its own view."""
    place = sum(company.encode()) + (vendor == NAMES[2])
    industry = _INDUSTRIES[place % len(_INDUSTRIES)]
    return {
        "industry": industry,
        "sector": industry,
        "company_description": f"{company} is in {industry.lower()}.",
        "headquarters": _CITIES[place % len(_CITIES)],
    }


class Vendor:
    """One of them, as the engine asks it: up to two hundred rows in one call."""

    def __init__(self, name: str, *, fields: Sequence[str] = FIELDS, sure: float) -> None:
        self._sure = sure
        self.spec = ProviderSpec(
            name=name,
            version="1",
            tier=Tier.FREE,
            gives=dict.fromkeys(fields, sure),
            inputs=(frozenset({"company_name"}),),
            bulk_size=_BULK,
            simulated=True,
        )

    def ask(self, queries: Sequence[Query], deadline: Deadline) -> Sequence[Answer]:
        """Wait for 50 ms, and answer."""
        time.sleep(LATENCY_S)
        return [
            Answer(outcome=self._found(query), latency_s=LATENCY_S, calls=int(place == 0))
            for place, query in enumerate(queries)
        ]

    def known(self, company: str) -> JsonObject:
        """Give what it knows of a company."""
        return known_of(self.spec.name, company)

    def _found(self, query: Query) -> Found:
        known = self.known(str(query.inputs["company_name"]))
        return Found({f: Observation(value=v, confidence=self._sure) for f, v in known.items()})


def first() -> Provider:
    """Make the one that is the most sure."""
    return Vendor(NAMES[0], sure=SURE[NAMES[0]])


def second() -> Provider:
    """Make the one that agrees with it."""
    return Vendor(NAMES[1], sure=SURE[NAMES[1]])


def third() -> Provider:
    """Make the one with a view of its own."""
    return Vendor(NAMES[2], sure=SURE[NAMES[2]])
