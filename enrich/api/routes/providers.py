"""Providers: how they do, and their breakers."""

from fastapi import APIRouter

from enrich.api.asked import Answer, Operating, Own, Reading
from enrich.api.models import BreakerWish
from enrich.api.paths import ProviderName
from enrich.api.reading import StrictRoute
from enrich.domain.keys import breaker_key
from enrich.domain.provider import ProviderSpec
from enrich.domain.values import Json, JsonObject, credits_of
from enrich.engine.gates import force_gate
from enrich.errors import BadInputError
from enrich.ports import BreakerStatus

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["providers"], route_class=StrictRoute)


@router.get("/providers")
def list_providers(_: Reading, own: Own) -> Answer:
    """List the providers with their prices, fields and breakers."""
    specs = own.parts.specs
    states = own.parts.breakers.status([breaker_key(spec.gate) for spec in specs])
    items: list[Json] = [
        _provider_json(spec, states[breaker_key(spec.gate)].state) for spec in specs
    ]
    return {"items": items}


@router.post("/providers/{name}/breaker")
def force_breaker(name: ProviderName, wish: BreakerWish, who: Operating, own: Own) -> Answer:
    """Force a provider's breaker into a state, or end a hold with `state: null`; audited."""
    if not own.settings.breaker.enabled:
        hint = "set ENRICH_BREAKER__ENABLED=true, or leave it unset"
        raise BadInputError("state", "breakers are switched off and stop nobody", hint=hint)
    gate, breakers = own.parts.provider(name).spec.gate, own.parts.breakers
    if wish.state is None:
        breakers.release(breaker_key(gate), actor=who.name)
    else:
        force_gate(breakers, gate, wish.state, hold=wish.hold, actor=who.name)
    act = "breaker.released" if wish.state is None else "breaker.forced"
    details: JsonObject = {"provider": name, "state": wish.state, "hold": wish.hold}
    own.desk.erasure.note(who.tenant, who.name, act, details)
    return _breaker_json(name, breakers.status([breaker_key(gate)])[breaker_key(gate)])


def _breaker_json(name: str, status: BreakerStatus) -> JsonObject:
    return {"provider": name, "state": status.state, "held": status.held}


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
