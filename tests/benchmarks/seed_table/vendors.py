"""Providers of the workload: three that each know a field of their own, and one that is ill."""

import time
from collections.abc import Sequence
from typing import Final

from enrich.domain.outcome import Found, Outcome, Unavailable
from enrich.domain.provider import Answer, ProviderSpec, Query, Tier
from enrich.domain.values import Observation
from enrich.ports import Deadline, Provider

__all__ = [
    "CALLS",
    "FIELDS",
    "ILL",
    "LATENCY_S",
    "PLACES",
    "WELL",
    "first",
    "flaky",
    "second",
    "third",
]

LATENCY_S: Final = 0.05
#: How long the ill one takes to fail.
ILL_S: Final = 0.4
FIELDS: Final = ("industry", "sector", "headquarters")
WELL: Final = ("first", "second", "third")
ILL: Final = "flaky"
PLACES: Final = tuple(f"{__name__}:{name}" for name in (*WELL, ILL))
#: The questions that left, each with the company it was about.
CALLS: Final[list[tuple[str, str]]] = []


class Vendor:
    """One of them: it takes its time, and remembers what it was asked."""

    def __init__(self, name: str, fields: Sequence[str], *, is_ill: bool = False) -> None:
        self._is_ill = is_ill
        self.spec = ProviderSpec(
            name=name,
            version="1",
            tier=Tier.FREE,
            gives=dict.fromkeys(fields, 0.9),
            inputs=(frozenset({"company_name"}),),
            simulated=True,
        )

    def ask(self, queries: Sequence[Query], deadline: Deadline) -> Sequence[Answer]:
        """Wait, and answer or fail."""
        took_s = ILL_S if self._is_ill else LATENCY_S
        time.sleep(took_s)
        CALLS.extend((self.spec.name, str(query.inputs["company_name"])) for query in queries)
        return [Answer(outcome=self._said(query), latency_s=took_s, calls=1) for query in queries]

    def _said(self, query: Query) -> Outcome:
        if self._is_ill:
            return Unavailable()
        company = str(query.inputs["company_name"])
        return Found(
            {
                field: Observation(value=f"{field} of {company}", confidence=0.9)
                for field in self.spec.gives
            }
        )


def first() -> Provider:
    """Make the one that knows industries."""
    return Vendor(WELL[0], FIELDS[:1])


def second() -> Provider:
    """Make the one that knows sectors."""
    return Vendor(WELL[1], FIELDS[1:2])


def third() -> Provider:
    """Make the one that knows headquarters."""
    return Vendor(WELL[2], FIELDS[2:])


def flaky() -> Provider:
    """Make the one that is ill; it claims to know all."""
    return Vendor(ILL, FIELDS, is_ill=True)
