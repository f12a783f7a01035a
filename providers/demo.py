"""The simulated providers of the demonstration: names and prices as vendors have them, no vendor.

What they answer is the local company facts, with gaps and errors; the contact data are built from
those facts and belong to nobody.
"""

from collections.abc import Mapping, Sequence

from enrich.domain.provider import Charge, ProviderSpec, Tier
from enrich.domain.values import Json, JsonObject, microcredits_of
from enrich.ports.outside import Provider
from providers.base import Once
from providers.local import company_facts
from providers.simulated import SimulatedBehaviour, SimulatedProvider, Truth, truth_of

__all__ = ["apollo_demo", "contacts_demo", "linkedin_api", "scraper_demo"]

_INPUTS = tuple(frozenset({field}) for field in ("company_name", "ticker", "website", "domain"))
_facts = Once[Truth](lambda: truth_of(company_facts.provider()))


def linkedin_api() -> Provider:
    """Make the premium provider: knows nearly all, is nearly always right, and takes its time."""
    fields = "company_name industry employees website headquarters founded"
    behaviour = SimulatedBehaviour(
        latency_s=0.6, latency_sigma=0.4, failure_rate=0.02, coverage=0.95, wrongness=0.03
    )
    return _company("linkedin_api", Tier.PREMIUM, fields, behaviour, price=0.05, bulk_size=25)


def apollo_demo() -> Provider:
    """Make the cheap provider of company data."""
    fields = "company_name industry employees revenue website city country founded"
    behaviour = SimulatedBehaviour(
        latency_s=0.25, latency_sigma=0.4, failure_rate=0.03, coverage=0.75, wrongness=0.1
    )
    return _company("apollo_demo", Tier.CHEAP, fields, behaviour, price=0.004, bulk_size=50)


def scraper_demo() -> Provider:
    """Make the free provider: quick to say something, often down, and not always right."""
    fields = "industry website founded employees headquarters"
    behaviour = SimulatedBehaviour(
        latency_s=0.15, latency_sigma=0.7, failure_rate=0.2, coverage=0.6, wrongness=0.15
    )
    return _company("scraper_demo", Tier.FREE, fields, behaviour, price=0.0, bulk_size=20)


def contacts_demo() -> Provider:
    """Make the cheap provider of contact data, which is paid for by the call."""
    behaviour = SimulatedBehaviour(
        latency_s=0.2, latency_sigma=0.4, failure_rate=0.02, coverage=0.7, wrongness=0.08
    )
    spec = _spec(
        "contacts_demo",
        Tier.CHEAP,
        "email phone",
        behaviour,
        price=0.002,
        charge=Charge.ON_CALL,
        bulk_size=50,
    )
    return SimulatedProvider(spec, behaviour, truth=_contacts)


def _company(
    name: str,
    tier: Tier,
    fields: str,
    behaviour: SimulatedBehaviour,
    *,
    price: float,
    bulk_size: int,
) -> Provider:
    spec = _spec(name, tier, fields, behaviour, price=price, bulk_size=bulk_size)
    return SimulatedProvider(spec, behaviour, truth=lambda rows: _facts()(rows))


def _spec(
    name: str,
    tier: Tier,
    fields: str,
    behaviour: SimulatedBehaviour,
    *,
    price: float,
    bulk_size: int,
    charge: Charge = Charge.ON_HIT,
) -> ProviderSpec:
    return ProviderSpec(
        name=name,
        version="1",
        tier=tier,
        gives=dict.fromkeys(fields.split(), round(1.0 - behaviour.wrongness, 3)),
        inputs=_INPUTS,
        price_microcredits=microcredits_of(price),
        charge=charge,
        licence="none: made up",
        source=f"simulated from local company facts; {price:g} credits is a demo price",
        data_date=company_facts.SPEC.data_date,
        bulk_size=bulk_size,
        simulated=True,
    )


def _contacts(rows: Sequence[JsonObject]) -> Sequence[Mapping[str, Json]]:
    from providers.sample import sample_phone

    return [
        {
            "email": f"info@{facts['domain']}" if facts.get("domain") else None,
            "phone": sample_phone(str(facts.get("country_code") or "")),
        }
        for facts in _facts()(rows)
    ]
