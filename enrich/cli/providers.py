"""`enrich providers`."""

import sys
from dataclasses import dataclass, replace

import click

from enrich.bootstrap import settings
from enrich.cli.output import (
    as_json_option,
    print_facts,
    print_json,
    print_note,
    print_table,
    short,
)
from enrich.cli.provider_files import (
    check_command,
    fields_command,
    new_command,
    schema_command,
    try_command,
)
from enrich.cli.reopening import kept_keys
from enrich.cli.spec_files import known_specs
from enrich.domain.provider import ProviderSpec
from enrich.domain.values import credits_of
from enrich.errors import UnknownNameError
from providers.catalogued import why_not
from providers.registry import providers
from providers.spec import HttpSpec, load_catalogue

__all__ = ["providers_command"]


class _ProvidersGroup(click.Group):
    """Takes a word that is no command of its own for the name of a provider to show."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Show the provider of that name."""
        if args[0] not in self.commands and not args[0].startswith("-"):
            return "show", _show, args
        return super().resolve_command(ctx, args)


@click.group("providers", cls=_ProvidersGroup, invoke_without_command=True)
@as_json_option
@click.pass_context
def providers_command(ctx: click.Context, *, as_json: bool) -> None:
    """List the providers; `enrich providers NAME` tells all about one.

    To add yours, as one file: new, check and try.
    """
    if ctx.invoked_subcommand is not None:
        return
    known = _known()
    if as_json:
        print_json([{**_as_json(one.spec), "off": one.off} for one in known.values()])
        return
    _print_list(list(known.values()))
    for fault in known_specs(settings())[1]:
        print_note(f"left out: {fault}")


@click.command("show")
@click.argument("name")
@as_json_option
def _show(*, name: str, as_json: bool) -> None:
    """Tell all about a provider."""
    known = _known()
    if name not in known:
        raise UnknownNameError("provider", name, known=tuple(known))
    one = known[name]
    if as_json:
        print_json({**_as_json(one.spec), "off": one.off})
    else:
        print_facts([*_facts(one.spec), ("asked", one.off or "yes")])


for _command in (check_command, fields_command, new_command, schema_command, try_command):
    providers_command.add_command(_command)


@dataclass(frozen=True, slots=True)
class _Known:
    """A provider, and what is to be done before it is asked; empty when nothing is."""

    spec: ProviderSpec
    off: str


def _known() -> dict[str, _Known]:
    """Give all providers by name; needs no server, and asks the database only if it runs."""
    own = settings().providers
    named = own.chosen()
    known = {}
    for name, one in providers(own.modules).items():
        is_off = one.spec.simulated and not own.simulated and name not in (named or ())
        known[name] = _Known(one.spec, "set ENRICH_PROVIDERS__SIMULATED=true" if is_off else "")
    kept = kept_keys()
    for name, spec in known_specs(settings())[0].items():
        known.setdefault(name, _Known(spec.provider_spec, _off(spec, kept)))
    if named is None:
        return known
    other = "ENRICH_PROVIDERS__NAMES leaves it out"
    return {name: replace(k, off=k.off if name in named else other) for name, k in known.items()}


def _off(spec: HttpSpec, kept: frozenset[str]) -> str:
    own = settings()
    reasons = [why_not(spec, contact=own.providers.contact or "")]
    if any(one is spec for one in load_catalogue()) and not own.providers.catalogue:
        reasons.append("set ENRICH_PROVIDERS__CATALOGUE=true")
    if spec.credential and not spec.auth.optional and spec.credential not in kept:
        reasons.append("needs a key: see `enrich credentials`")
    return "; ".join(filter(None, reasons[:1] if spec.state == "gone" else reasons))


def _print_list(known: list[_Known]) -> None:
    print_table(
        ("provider", "tier", "price", "gives", "needs", "data of", ""),
        [
            (
                one.spec.name,
                one.spec.tier.value,
                _price(one.spec),
                _line(", ".join(one.spec.gives)),
                _line(" or ".join(" + ".join(sorted(needed)) for needed in one.spec.inputs)),
                one.spec.data_date or "live",
                ", ".join(filter(None, ("simulated" if one.spec.simulated else "", one.off))),
            )
            for one in known
        ],
    )


def _line(text: str) -> str:
    """Cut what a terminal would fold; a pipe has lines of any width, and people who read them."""
    return text if sys.stdout.isatty() else short(text)


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
