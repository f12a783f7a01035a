"""Providers that ask the ledger's process: for workers, added by `ENRICH_PROVIDERS__MODULES`."""

import json
import os
import threading
from collections.abc import Sequence
from http.client import HTTPConnection, HTTPException
from urllib.parse import quote

from enrich.domain.outcome import Found, Outcome, Unavailable
from enrich.domain.provider import Answer, Charge, ProviderSpec, Query, Tier
from enrich.domain.values import Observation
from enrich.ports import Deadline, Provider

__all__ = ["PAID", "PORT", "cheap", "free_a", "free_b", "keyed", "paid"]

#: The variable that holds the ledger's port; no setting of ours, so without our prefix.
PORT = "LEDGER_PORT"
#: Those that cost; the last takes an idempotency key.
PAID = ("ledger_paid", "ledger_cheap", "ledger_keyed")
_LONGEST_S = 20.0


class LedgerProvider:
    """Asks the ledger about each row, on one connection a thread."""

    def __init__(self, spec: ProviderSpec, port: int) -> None:
        self.spec, self._port = spec, port
        self._own = threading.local()

    def ask(self, queries: Sequence[Query], deadline: Deadline) -> Sequence[Answer]:
        """Make one call a row."""
        return [Answer(outcome=self._asked(query)) for query in queries]

    def _asked(self, query: Query) -> Outcome:
        key = quote(str(query.inputs["company_name"]), safe="")
        try:
            value = self._call(key, query)
        except (OSError, HTTPException, ValueError) as exc:
            self._own.__dict__.pop("connection", None)
            return Unavailable(type(exc).__name__)
        return Found({f: Observation(value=value, confidence=0.9) for f in self.spec.gives})

    def _call(self, key: str, query: Query) -> str:
        if not hasattr(self._own, "connection"):
            self._own.connection = HTTPConnection("127.0.0.1", self._port, timeout=_LONGEST_S)
        connection: HTTPConnection = self._own.connection
        connection.request("POST", f"/{self.spec.name}/{key}", headers=self._headers(query))
        reply = connection.getresponse()
        return str(json.loads(reply.read())["value"])

    def _headers(self, query: Query) -> dict[str, str]:
        return {"Idempotency-Key": query.call_key} if self.spec.takes_key else {}


def _provider(
    name: str, tier: Tier, gives: str, price: int = 0, *, takes_key: bool = False
) -> Provider:
    spec = ProviderSpec(
        name=name,
        version="1",
        tier=tier,
        gives={gives: 0.9},
        inputs=(frozenset({"company_name"}),),
        price_microcredits=price,
        charge=Charge.ON_CALL,
        takes_key=takes_key,
    )
    return LedgerProvider(spec, int(os.environ[PORT]))


def free_a() -> Provider:
    """Make one that costs nothing."""
    return _provider("ledger_free_a", Tier.FREE, "industry")


def free_b() -> Provider:
    """Make another that costs nothing."""
    return _provider("ledger_free_b", Tier.FREE, "sector")


def cheap() -> Provider:
    """Make one that costs and is asked beside the free ones."""
    return _provider("ledger_cheap", Tier.CHEAP, "company_status", 1_000)


def paid() -> Provider:
    """Make one that costs and is asked last."""
    return _provider("ledger_paid", Tier.PREMIUM, "company_description", 10_000)


def keyed() -> Provider:
    """Make one that costs, and that knows a call that it has had before by its key."""
    return _provider("ledger_keyed", Tier.PREMIUM, "headquarters", 5_000, takes_key=True)
