"""Breakers that a provider's own word keeps open: told of, and closed when their cause is gone."""

from collections.abc import Collection, Iterable, Mapping

from enrich.domain.calls import Refusal
from enrich.domain.keys import breaker_key, provider_of
from enrich.engine.parts import Parts
from enrich.ports import Breakers, BreakerStatus, Keyed, Provider

__all__ = [
    "breakers_of",
    "close_refused",
    "force_gate",
    "left_alone",
    "own_breaker",
    "shut_for_long",
]

#: A tenant that nobody can be: it has no keys but those that all may ask with.
_NOBODY = ""
_ABOUT_THE_KEY = frozenset({Refusal.AUTH.value, Refusal.CREDITS.value})
_LONG = _ABOUT_THE_KEY | {Refusal.GONE.value}


def breakers_of(breakers: Breakers, gate: str) -> tuple[BreakerStatus, ...]:
    """Give the breaker that all share, and those of the credentials that were used lately."""
    own = [key for key in breakers.known() if provider_of(key) == gate and key != gate]
    states = breakers.status([breaker_key(gate), *own])
    return tuple(states.values())


def own_breaker(provider: Provider, tenant: str) -> str | None:
    """Name the breaker of a tenant's own keys; None where it asks with everybody's, or with none.

    Tenants that hold the same keys have one between them.
    """
    if not isinstance(provider, Keyed):
        return None
    number = provider.credential_id(tenant)
    is_own = number and number != provider.credential_id(_NOBODY)
    return breaker_key(provider.spec.gate, number) if is_own else None


def shut_for_long(breakers: Breakers) -> tuple[BreakerStatus, ...]:
    """Give the breakers that are open because a key was refused or used up, or nobody is there."""
    states = breakers.status(breakers.known()).values()
    return tuple(status for status in states if status.state == "open" and status.reason in _LONG)


def left_alone(parts: Parts, tenant: str) -> Mapping[str, BreakerStatus]:
    """Give by name the providers that a tenant's rows cannot be asked of now, and what shuts them.

    Neither all who ask them nor whoever asks with the tenant's keys gets through.
    """
    keys = {name: _keys_of(one, tenant) for name, one in parts.providers.items()}
    states = parts.breakers.status(sorted({key for each in keys.values() for key in each}))
    now = parts.clock.now()
    shut = {key: status for key, status in states.items() if status.is_shut(now)}
    return {
        name: next(shut[key] for key in each if key in shut)
        for name, each in keys.items()
        if not shut.keys().isdisjoint(each)
    }


def _keys_of(provider: Provider, tenant: str) -> tuple[str, ...]:
    number = provider.credential_id(tenant) if isinstance(provider, Keyed) else ""
    return tuple(dict.fromkeys(breaker_key(provider.spec.gate, one) for one in ("", number)))


def force_gate(
    breakers: Breakers, gate: str, state: str, *, hold: bool = False, actor: str = "", why: str = ""
) -> None:
    """Set a provider's breaker by hand; closing it closes those of its credentials too.

    Raises `BadInputError` for a state that cannot be, `LinkAwayError` when Redis is away: nothing
    was set then.
    """
    together = state == "closed" and not hold
    keys = [one.key for one in breakers_of(breakers, gate)] if together else [breaker_key(gate)]
    for key in keys:
        breakers.force(key, state, hold=hold, actor=actor, why=why)


def close_refused(
    breakers: Breakers, gate: str, credentials: Iterable[str], *, actor: str
) -> tuple[BreakerStatus, ...]:
    """Close the breakers that a refused or used up key opened; give them as they were.

    Those of the `credentials`, and the one that all share. What is held stays as it is. Without
    Redis it raises `LinkAwayError`.
    """
    names = {breaker_key(gate), *(breaker_key(gate, one) for one in credentials if one)}
    shut = _about_the_key(breakers.status(sorted(names)).values())
    for status in shut:
        breakers.force(status.key, "closed", actor=actor)
    return shut


def _about_the_key(states: Collection[BreakerStatus]) -> tuple[BreakerStatus, ...]:
    return tuple(
        status
        for status in states
        if status.state == "open" and status.reason in _ABOUT_THE_KEY and not status.held
    )
