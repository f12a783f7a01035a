"""Providers: how they do, and their breakers."""

from fastapi import APIRouter

from enrich.api.asked import Answer, Operating, Own, Reading
from enrich.api.models import BreakerWish
from enrich.api.paths import ProviderName
from enrich.api.problems import ProblemError
from enrich.api.reading import StrictRoute
from enrich.domain.access import Principal, Scope
from enrich.domain.keys import breaker_key
from enrich.domain.provider import ProviderSpec
from enrich.domain.values import Json, JsonObject, credits_of
from enrich.engine.gates import force_gate, own_breaker
from enrich.errors import BadInputError
from enrich.ports import Breakers, BreakerStatus, Provider

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


@router.get("/providers/{name}/breaker")
def show_breaker(name: ProviderName, who: Reading, own: Own) -> Answer:
    """Show the breaker that all tenants share, and that of the tenant's own keys, if it has any."""
    provider, breakers = own.parts.provider(name), own.parts.breakers
    shared, mine = breaker_key(provider.spec.gate), own_breaker(provider, who.tenant)
    states = breakers.status([shared, *([mine] if mine else [])])
    return {
        **_breaker_json(name, states[shared]),
        "own": _state_json(states[mine]) if mine else None,
    }


@router.post("/providers/{name}/breaker")
def force_breaker(name: ProviderName, wish: BreakerWish, who: Operating, own: Own) -> Answer:
    """Force a provider's breaker into a state, or end a hold with `state: null`; audited.

    That of the tenant's own keys; or, with the scope `operate_all`, the one that all tenants share.
    """
    if not own.settings.breaker.enabled:
        hint = "set ENRICH_BREAKER__ENABLED=true, or leave it unset"
        raise BadInputError("state", "breakers are switched off and stop nobody", hint=hint)
    provider, breakers = own.parts.provider(name), own.parts.breakers
    of = wish.of or ("all" if who.may(Scope.OPERATE_ALL) else "tenant")
    key = _shared(provider, who) if of == "all" else _own(provider, who)
    _set(breakers, key, wish, who.name)
    act = "breaker.released" if wish.state is None else "breaker.forced"
    details: JsonObject = {"provider": name, "state": wish.state, "hold": wish.hold, "of": of}
    details |= {"why": wish.why} if wish.why else {}
    own.desk.erasure.note(who.tenant, who.name, act, details)
    return {**_breaker_json(name, breakers.status([key])[key]), "of": of}


def _shared(provider: Provider, who: Principal) -> str:
    if not who.may(Scope.OPERATE_ALL):
        raise ProblemError(
            403, "all tenants share this breaker: the credential lacks the scope 'operate_all'"
        )
    return breaker_key(provider.spec.gate)


def _own(provider: Provider, who: Principal) -> str:
    if key := own_breaker(provider, who.tenant):
        return key
    raise ProblemError(
        403,
        f"tenant {who.tenant!r} has no key of its own for {provider.spec.name}, and the breaker "
        "that all tenants share is set with the scope 'operate_all' alone",
    )


def _set(breakers: Breakers, key: str, wish: BreakerWish, actor: str) -> None:
    if wish.state is None:
        breakers.release(key, actor=actor, why=wish.why)
    elif "#" in key:
        breakers.force(key, wish.state, hold=wish.hold, actor=actor, why=wish.why)
    else:
        force_gate(breakers, key, wish.state, hold=wish.hold, actor=actor, why=wish.why)


def _breaker_json(name: str, status: BreakerStatus) -> JsonObject:
    return {"provider": name, **_state_json(status)}


def _state_json(status: BreakerStatus) -> JsonObject:
    return {"state": status.state, "held": status.held}


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
