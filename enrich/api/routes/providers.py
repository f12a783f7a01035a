"""Providers: how they do, and their breakers."""

from fastapi import APIRouter

from enrich.api.asked import Answer, Operating, Own, Reading
from enrich.api.models import BreakerWish
from enrich.api.paths import ProviderName
from enrich.api.reading import StrictRoute
from enrich.domain.keys import breaker_key
from enrich.domain.provider import ProviderSpec
from enrich.domain.values import Json, JsonObject, credits_of
from enrich.engine.parts import Parts

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["providers"], route_class=StrictRoute)


@router.get("/providers")
def list_providers(_: Reading, own: Own) -> Answer:
    """List the providers with their prices, fields and breakers."""
    specs = own.parts.specs
    states = own.parts.breakers.status([breaker_key(spec.name) for spec in specs])
    items: list[Json] = [
        _provider_json(spec, states[breaker_key(spec.name)].state) for spec in specs
    ]
    return {"items": items}


@router.post("/providers/{name}/breaker")
def force_breaker(name: ProviderName, wish: BreakerWish, who: Operating, own: Own) -> Answer:
    """Force a provider's breaker into a state, or end a hold with `state: null`; audited."""
    key = breaker_key(own.parts.provider(name).spec.name)
    if wish.state is None:
        own.parts.breakers.release(key, actor=who.name)
    else:
        own.parts.breakers.force(key, wish.state, hold=wish.hold, actor=who.name)
    return _breaker_json(own.parts, name)


def _breaker_json(parts: Parts, name: str) -> JsonObject:
    key = breaker_key(name)
    return {"provider": name, "state": parts.breakers.status([key])[key].state}


def _provider_json(spec: ProviderSpec, state: str) -> JsonObject:
    return {
        "provider": spec.name,
        "tier": spec.tier.value,
        "price": credits_of(spec.price_microcredits),
        "charge": spec.charge.value,
        "gives": [*sorted(spec.gives)],
        "simulated": spec.simulated,
        "breaker": state,
    }
