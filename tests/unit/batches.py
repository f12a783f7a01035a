"""Small batches for tests of the decisions about them."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from enrich.domain.keys import input_key
from enrich.domain.outcome import Found, Outcome
from enrich.domain.provider import ProviderSpec, Tier
from enrich.domain.run import BatchRef, OpenBatch, Phase, Response, RunOptions, RunView
from enrich.domain.table import CellState, Column, Provenance, Row, Stamp
from enrich.domain.values import Json, JsonObject, Observation

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)

EMAIL = Column(key="email", field="email", position=0)
DOMAIN = Column(key="domain", field="domain", enriched=True, position=1)
COMPANY = Column(key="company", field="company_name", enriched=True, position=2)


def spec(
    name: str,
    needs: str,
    gives: str,
    *,
    tier: Tier = Tier.FREE,
    price: int = 0,
    family: str = "",
) -> ProviderSpec:
    return ProviderSpec(
        name=name,
        version="1",
        tier=tier,
        gives=dict.fromkeys(gives.split(), 0.9),
        inputs=tuple(frozenset(one.split("+")) for one in needs.split()),
        price_microcredits=price,
        family=family,
    )


def row(number: int = 1, *, cells: Mapping[str, Provenance] | None = None, **data: Json) -> Row:
    return Row(id=number, key=f"row-{number}", data=dict(data), cells=cells or {})


def provenance(state: CellState = CellState.FILLED, *, run: int = 1, by: str = "a") -> Provenance:
    return Provenance(state=state, stamp=Stamp(run, 1), provider=by, confidence=0.9)


def batch(
    *rows: Row,
    responses: Iterable[Response] = (),
    wanted: tuple[str, ...] = ("domain", "company"),
    columns: tuple[Column, ...] = (EMAIL, DOMAIN, COMPANY),
    options: RunOptions | None = None,
    attempt: int = 1,
    phase: Phase = Phase.PROBE,
) -> OpenBatch:
    return OpenBatch(
        ref=BatchRef(run_id=7, number=1, attempt=attempt, phase=phase),
        run=RunView(
            id=7,
            tenant="default",
            table="t",
            columns=columns,
            wanted=wanted,
            options=options or RunOptions(),
        ),
        rows=rows,
        responses=tuple(responses),
    )


def found(confidence: float = 0.9, **values: Json) -> Found:
    return Found({k: Observation(value=v, confidence=confidence) for k, v in values.items()})


#: A provider of both columns, and what it knows of the row that a world has by default.
BY_EMAIL = spec("by_email", "email", "domain company_name")
KNOWS_ALL = {"a@acme.com": found(domain="acme.com", company_name="Acme")}


def said(
    asked: ProviderSpec, inputs: JsonObject, outcome: Outcome, *, number: int = 1, attempt: int = 1
) -> Response:
    return Response(
        row=number,
        provider=asked.name,
        provider_version=asked.version,
        input_key=input_key("default", asked.name, asked.version, inputs),
        outcome=outcome,
        observed_at=NOW,
        attempt=attempt,
    )
