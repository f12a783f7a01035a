"""`enrich providers` and `enrich breaker`."""

import click

from enrich.bootstrap import settings
from enrich.cli.output import as_json_option, print_facts, print_json, print_note, print_table
from enrich.cli.services import opened
from enrich.domain.keys import breaker_key
from enrich.domain.provider import ProviderSpec
from enrich.domain.values import credits_of
from enrich.errors import BadInputError, UnknownNameError
from enrich.ports import BreakerStatus
from providers.registry import providers

__all__ = ["breaker_command", "providers_command"]


@click.command("providers")
@click.argument("name", required=False)
@as_json_option
def providers_command(*, name: str | None, as_json: bool) -> None:
    """List the providers, or tell all about NAME."""
    known = providers(settings().providers.modules)
    specs = [provider.spec for provider in known.values()]
    if name is not None:
        specs = [spec for spec in specs if spec.name == name]
        if not specs:
            raise UnknownNameError("provider", name, known=tuple(known))
    if as_json:
        described = [_as_json(spec) for spec in specs]
        print_json(described if name is None else described[0])
    elif name is None:
        _print_list(specs)
    else:
        print_facts(_facts(specs[0]))


def _print_list(specs: list[ProviderSpec]) -> None:
    print_table(
        ("provider", "tier", "price", "gives", "needs", "data of", ""),
        [
            (
                spec.name,
                spec.tier.value,
                _price(spec),
                ", ".join(spec.gives),
                " or ".join(" + ".join(sorted(needed)) for needed in spec.inputs),
                spec.data_date or "live",
                "simulated" if spec.simulated else "",
            )
            for spec in specs
        ],
    )


def _facts(spec: ProviderSpec) -> list[tuple[str, object]]:
    return [
        ("provider", f"{spec.name}, version {spec.version}"),
        ("tier", spec.tier.value),
        ("price", _price(spec)),
        *(("gives", f"{field} (confidence {prior:g})") for field, prior in spec.gives.items()),
        ("needs", " or ".join(" + ".join(sorted(needed)) for needed in spec.inputs)),
        ("takes also", ", ".join(sorted(spec.optional_inputs)) or "nothing"),
        ("source", spec.source or "not stated"),
        ("licence", spec.licence or "not stated"),
        ("data of", spec.data_date or "live"),
        ("family", spec.family or "its own"),
        ("one call", f"up to {spec.bulk_size} rows, {spec.timeout_s:g} s"),
        ("simulated", "yes: its answers are made up" if spec.simulated else "no"),
    ]


def _price(spec: ProviderSpec) -> str:
    if not spec.price_microcredits:
        return "free"
    when = spec.charge.value.replace("_", " ")
    return f"{credits_of(spec.price_microcredits):g} credits {when}"


def _as_json(spec: ProviderSpec) -> dict[str, object]:
    return {
        "name": spec.name,
        "version": spec.version,
        "tier": spec.tier,
        "price_credits": credits_of(spec.price_microcredits),
        "charge": spec.charge,
        "gives": dict(spec.gives),
        "inputs": [sorted(needed) for needed in spec.inputs],
        "optional_inputs": spec.optional_inputs,
        "source": spec.source,
        "licence": spec.licence,
        "data_date": spec.data_date,
        "family": spec.family,
        "bulk_size": spec.bulk_size,
        "timeout_s": spec.timeout_s,
        "simulated": spec.simulated,
    }


@click.command("breaker")
@click.argument("name")
@click.option("--force", type=click.Choice(["open", "closed", "half_open"]), help="Set its state.")
@click.option("--hold", is_flag=True, help="With --force: for good, until --release.")
@click.option("--release", is_flag=True, help="End a hold; the next call is a trial.")
@click.option(
    "--credential", default="", help="Of which credential; default: the one that all share."
)
@as_json_option
def breaker_command(
    *, name: str, force: str | None, hold: bool, release: bool, credential: str, as_json: bool
) -> None:
    """Show the circuit breaker of provider NAME, or set it by hand."""
    if (hold and not force) or (release and force):
        raise BadInputError("--hold" if hold else "--release", "goes with --force alone, or alone")
    if name not in providers():
        raise UnknownNameError("provider", name, known=tuple(providers()))
    key = breaker_key(name, credential)
    with opened() as services:
        breakers = services.parts.breakers
        if force:
            breakers.force(key, force, hold=hold, actor=_actor())
        if release:
            breakers.release(key, actor=_actor())
        status = breakers.status([key])[key]
    _print_breaker(name, status, as_json=as_json)


def _actor() -> str:
    import getpass

    try:
        return f"shell:{getpass.getuser()}"
    except (KeyError, OSError):  # a user number without a name
        return "shell"


def _print_breaker(name: str, status: BreakerStatus, *, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "provider": name,
                "state": status.state,
                "held": status.held,
                "successes": status.successes,
                "failures": status.failures,
                "error_rate": status.error_rate,
                "retry_at": status.retry_at,
                "reason": status.reason,
            }
        )
        return
    rate = "nothing counted" if status.error_rate is None else f"{status.error_rate:.0%}"
    print_facts(
        [
            ("breaker", name),
            ("state", f"{status.state}{' (held)' if status.held else ''}"),
            ("calls", f"{status.successes} good, {status.failures} failed ({rate})"),
            *([("reason", status.reason)] if status.reason else []),
            *([("again at", status.retry_at)] if status.retry_at else []),
        ],
    )
    if status.held:
        print_note(f"it stays so until `enrich breaker {name} --release`")
