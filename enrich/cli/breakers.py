"""`enrich breaker`: who is left alone, why and until when; and breakers set by hand."""

from collections.abc import Mapping

import click

from enrich.bootstrap import settings
from enrich.cli.output import as_json_option, print_facts, print_json, print_note, print_table
from enrich.cli.reopening import actor, credential_id
from enrich.cli.services import Services, opened
from enrich.cli.spec_files import known_specs
from enrich.domain.keys import breaker_key, provider_of
from enrich.engine.gates import breakers_of, force_gate
from enrich.errors import BadInputError, UnknownNameError
from enrich.ports import AuditEntry, BreakerStatus
from providers.registry import providers

__all__ = ["breaker_command"]


@click.command("breaker")
@click.argument("name")
@click.option("--force", type=click.Choice(["open", "closed", "half_open"]), help="Set its state.")
@click.option("--hold", is_flag=True, help="With --force: for good, until --release.")
@click.option("--release", is_flag=True, help="End a hold; the next call is a trial.")
@click.option(
    "--credential",
    metavar="ID",
    default="",
    help="Of which credential; default: the one that all share. --force closed closes all.",
)
@click.option("--why", default="", help="With --force or --release: kept beside your name.")
@as_json_option
def breaker_command(
    *,
    name: str,
    force: str | None,
    hold: bool,
    release: bool,
    credential: str,
    why: str,
    as_json: bool,
) -> None:
    """Show the circuit breakers of provider NAME, or set one by hand.

    Each credential has one of its own, beside the one that all share: a key that is refused or
    used up keeps away nobody who has another.
    """
    _check_together(force=force, hold=hold, release=release, why=why)
    with opened() as services:
        breakers = services.parts.breakers
        gate = _gate_of(services, name)
        own = [status.key for status in breakers_of(breakers, gate)]
        key = _key_of(gate, credential, own)
        if force and credential:
            breakers.force(key, force, hold=hold, actor=actor(), why=why)
        elif force:
            force_gate(breakers, gate, force, hold=hold, actor=actor(), why=why)
        if release:
            breakers.release(key, actor=actor(), why=why)
        states = breakers.status([key, *(each for each in own if each != key and not credential)])
        whose = _whose(services, name)
        by_hand = _by_hand(services)
    status, *others = states.values()
    if as_json:
        told = [
            _as_json(each, by_hand) | {"tenants": whose.get(_id_of(each), [])} for each in others
        ]
        print_json({"provider": name, **_as_json(status, by_hand), "credentials": told})
        return
    _print(name, status, by_hand.get(status.key))
    _print_credentials(others, whose)


def _check_together(*, force: str | None, hold: bool, release: bool, why: str) -> None:
    if (hold and not force) or (release and force):
        raise BadInputError("--hold" if hold else "--release", "goes with --force alone, or alone")
    if why and not (force or release):
        raise BadInputError("--why", "goes with --force or --release")


def _gate_of(services: Services, name: str) -> str:
    """Give the name that a provider's breaker goes by. Raises `UnknownNameError`."""
    used = map(provider_of, services.parts.breakers.known())
    gates = {each: each for each in (*used, *known_specs(settings())[0])}
    gates |= {each: one.spec.gate for each, one in services.parts.providers.items()}
    gates |= {each: one.spec.gate for each, one in providers().items()}
    if name not in gates:
        raise UnknownNameError("provider", name, known=tuple(gates))
    return gates[name]


def _key_of(gate: str, credential: str, known: list[str]) -> str:
    key = breaker_key(gate, credential)
    if key not in known:
        ids = tuple(each.partition("#")[2] for each in known if "#" in each)
        raise UnknownNameError("credential", credential, known=ids, within=gate)
    return key


def _whose(services: Services, name: str) -> Mapping[str, list[str]]:
    """Say by the name of its keys which tenant asks with them."""
    spec = known_specs(settings())[0].get(name)
    if spec is None or spec.credential is None:
        return {}
    kept = services.credentials.store.all()
    tenants = {one.tenant for one in kept if one.credential == spec.credential}
    whose: dict[str, list[str]] = {}
    for tenant in sorted(tenants | {"default"}):
        if number := credential_id(services, tenant, spec.credential):
            whose.setdefault(number, []).append(tenant)
    return whose


def _id_of(status: BreakerStatus) -> str:
    return status.key.partition("#")[2]


def _by_hand(services: Services) -> Mapping[str, AuditEntry]:
    """Give the newest intervention by breaker."""
    return {entry.key: entry for entry in reversed(services.parts.breakers.audit())}


def _as_json(status: BreakerStatus, by_hand: Mapping[str, AuditEntry]) -> dict[str, object]:
    return {
        "credential": _id_of(status),
        "state": status.state,
        "held": status.held,
        "successes": status.successes,
        "failures": status.failures,
        "error_rate": status.error_rate,
        "retry_at": status.retry_at,
        "reason": status.reason,
        "by_hand": by_hand.get(status.key),
    }


def _print(name: str, status: BreakerStatus, by_hand: AuditEntry | None) -> None:
    rate = "nothing counted" if status.error_rate is None else f"{status.error_rate:.0%}"
    print_facts(
        [
            ("breaker", f"{name} {_id_of(status)}".rstrip()),
            ("state", _state(status)),
            ("calls", f"{status.successes} good, {status.failures} failed ({rate})"),
            *([("reason", status.reason)] if status.reason else []),
            *([("set by hand", _told(by_hand))] if by_hand else []),
            *([("again at", status.retry_at)] if status.retry_at else []),
        ],
    )
    if status.held:
        print_note(f"it stays so until `enrich breaker {name} --release`")


def _print_credentials(states: list[BreakerStatus], whose: Mapping[str, list[str]]) -> None:
    if not states:
        return
    print_table(
        ("credential", "of", "state", "reason", "again at"),
        [
            (
                _id_of(each),
                ", ".join(whose.get(_id_of(each), ["nobody now"])),
                _state(each),
                each.reason,
                each.retry_at or "",
            )
            for each in states
        ],
    )


def _told(entry: AuditEntry) -> str:
    held = ", held" if entry.hold else ""
    return (
        f"from {entry.before} to {entry.after}{held}, by {entry.actor or 'nobody named'} "
        f"at {entry.at:%Y-%m-%d %H:%M:%S} UTC{f': {entry.why}' if entry.why else ''}"
    )


def _state(status: BreakerStatus) -> str:
    return f"{status.state}{' (held)' if status.held else ''}"
