"""One step of one batch in a process of its own: `python -m tests.integration.frozen_child STEP`.

It says `calling` when it is about to be answered, and waits for a line before it is: whoever runs
it may freeze it there. At the end it says what it counted, as JSON.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import replace

from enrich.domain.outcome import Found
from enrich.domain.provider import Answer, ProviderSpec, Query, Tier
from enrich.domain.values import Observation
from enrich.ports import Deadline, Provider
from tests.unit.engine_world import Counts

__all__ = ["NAME", "waiting"]

NAME = "waiting"
_SPEC = ProviderSpec(
    name=NAME,
    version="1",
    tier=Tier.CHEAP,
    gives={"industry": 0.9},
    inputs=(frozenset({"company_name"}),),
    price_microcredits=1000,
    bulk_size=100,
)


class _Waiting:
    """Answers what it is given to answer, when it is given it."""

    spec = _SPEC

    def ask(self, queries: Sequence[Query], deadline: Deadline) -> Sequence[Answer]:
        """Wait for the answer."""
        print("calling", flush=True)  # noqa: T201 - said to whoever runs us
        value = sys.stdin.readline().strip()
        found = Found({"industry": Observation(value=value, confidence=0.9)})
        return [Answer(outcome=found) for _ in queries]


def waiting() -> Provider:
    """Make the provider."""
    return _Waiting()


def main(message: str) -> None:
    """Ask, fuse, and say what was counted."""
    from enrich.bootstrap import build
    from enrich.engine.fuse import fuse
    from enrich.engine.probe import probe
    from tasks.messages import from_wire

    services, counts = build(), Counts()
    parts = replace(services.parts, recorder=counts)
    step = from_wire(json.loads(message))
    probe(parts, step, NAME)
    fuse(parts, step)
    print(json.dumps(counts.totals), flush=True)  # noqa: T201
    services.close()


if __name__ == "__main__":
    main(sys.argv[1])
