"""What a simulator was asked, when, and what it would charge."""

import hashlib
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime

from enrich.domain.values import Json, JsonObject
from providers.simulator.behaviour import Fault

__all__ = ["NO_ENDPOINT", "Arrival", "Ledger", "key_digest"]

#: The kind of an arrival that the vendor has no endpoint for.
NO_ENDPOINT = "no_endpoint"


def key_digest(key: str) -> str:
    """Name a key without telling it; empty when there was none."""
    return hashlib.sha256(key.encode()).hexdigest()[:12] if key else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """One question of one call.

    Attributes:
        call: the call's number at this vendor; the questions of one call share it.
        kind: what the vendor meant to say, as an outcome; the `fault` may have spoilt it.
        charged_microcredits: by the vendor's rule for what it meant to say.
    """

    vendor: str
    call: int
    key: str
    question: str
    sent: str
    at: datetime
    status: int
    kind: str
    fault: Fault = Fault.NONE
    charged_microcredits: int = 0


class Ledger:
    """All arrivals, in their order; safe to use from many threads."""

    def __init__(self) -> None:
        """Begin empty."""
        self._lock = threading.Lock()
        self._arrivals: list[Arrival] = []
        self._tokens: Counter[str] = Counter()

    def add(self, *arrivals: Arrival) -> None:
        """Write down the questions of a call."""
        with self._lock:
            self._arrivals += arrivals

    def add_token(self, vendor: str) -> None:
        """Count a request for a token: it asks nothing about a row."""
        with self._lock:
            self._tokens[vendor] += 1

    def tokens(self, vendor: str) -> int:
        """Count the requests for tokens, given or refused."""
        with self._lock:
            return self._tokens[vendor]

    def arrivals(self, vendor: str | None = None) -> tuple[Arrival, ...]:
        """Give what was asked, of one vendor or of all."""
        with self._lock:
            return tuple(each for each in self._arrivals if vendor in {None, each.vendor})

    def calls(self, vendor: str) -> int:
        """Count the calls to a vendor, however many questions each had."""
        return len({each.call for each in self.arrivals(vendor)})

    def charged_microcredits(self, vendor: str | None = None) -> int:
        """Give what a vendor, or all of them, would charge."""
        return sum(each.charged_microcredits for each in self.arrivals(vendor))

    def to_json(self) -> JsonObject:
        """Give the counts by vendor, and every arrival."""
        arrivals = self.arrivals()
        vendors = sorted({each.vendor for each in arrivals})
        return {
            "vendors": {vendor: self._counts(vendor) for vendor in vendors},
            "arrivals": [_plain(each) for each in arrivals],
        }

    def _counts(self, vendor: str) -> Json:
        seen = self.arrivals(vendor)
        return {
            "calls": self.calls(vendor),
            "questions": len(seen),
            "tokens": self.tokens(vendor),
            "charged_microcredits": self.charged_microcredits(vendor),
            "kinds": dict(_sorted(Counter(each.kind for each in seen))),
            "faults": dict(_sorted(Counter(each.fault.value for each in seen))),
            "keys": dict(_sorted(Counter(each.key for each in seen))),
            "by_question": dict(_sorted(Counter(each.question for each in seen))),
        }


def _sorted(counts: Counter[str]) -> Iterator[tuple[str, Json]]:
    yield from sorted(counts.items())


def _plain(arrival: Arrival) -> Json:
    return {**asdict(arrival), "at": arrival.at.isoformat(), "fault": arrival.fault.value}
