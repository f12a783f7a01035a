"""`enrich simulate`: the vendors of the catalogue on loopback, so that nothing is asked or paid."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import click

from enrich.cli.output import print_note
from enrich.cli.workers import stopped_by_signals
from enrich.errors import UnknownNameError
from providers.simulator import Behaviour, Simulator, behaviours_from
from providers.spec import HttpSpec, load_catalogue

__all__ = ["environment_of", "simulate_command"]

_RATE = click.FloatRange(0, 1)
_CONTACT = "simulation@example.com"


@click.command("simulate")
@click.argument("names", nargs=-1)
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Default: a free one.")
@click.option("--seed", type=int, help="Of all that happens by chance; default 1.")
@click.option("--coverage", type=_RATE, help="Share of questions that have an answer; default 1.")
@click.option("--flaky", type=_RATE, help="Share of calls that go wrong, in any way; default 0.")
@click.option("--lies", type=_RATE, help="Share of answers with wrong values; default 0.")
@click.option("--pending", type=_RATE, help="Share of questions that are worked on first.")
@click.option("--latency", type=click.FloatRange(0, 60), help="Median, in seconds; default 0.")
@click.option("--purse", type=click.FloatRange(0), help="Credits of each key; default: no end.")
@click.option("--no-limits", is_flag=True, help="Answer however often is asked.")
@click.option(
    "--behaviour",
    type=click.Path(path_type=Path),
    help="A TOML file with any of it, and [providers.NAME] tables; options go first.",
)
def simulate_command(
    *,
    names: Sequence[str],
    port: int,
    behaviour: Path | None,
    **options: float | None,
) -> None:
    """Serve the vendors of the catalogue, or those named, on loopback until Ctrl-C.

    They answer as their files' examples do, keep their limits, and charge nobody. What they were
    asked is at /_ledger. Run what is printed, and everything is asked here.
    """
    specs = _chosen(names)
    common, each = behaviours_from(behaviour, Behaviour()) if behaviour else (Behaviour(), {})
    common = _with_options(common, options)
    own = {name: _with_options(one, options) for name, one in each.items()}
    with stopped_by_signals(), Simulator(specs, common, each=own, port=port) as simulator:
        _tell(simulator, specs)
        _wait()


def environment_of(simulator_url: str, specs: Sequence[HttpSpec]) -> Mapping[str, str]:
    """Give the variables by which the catalogue is asked of a simulator, with keys made up."""
    needed = sorted({spec.credential for spec in specs if spec.credential})
    return {
        "ENRICH_PROVIDERS__CATALOGUE": "true",
        "ENRICH_PROVIDERS__BASE_URL": simulator_url,
        "ENRICH_PROVIDERS__CONTACT": _CONTACT,
        **{f"ENRICH_CREDENTIALS__{name.upper()}": "simulated" for name in needed},
    }


def _chosen(names: Sequence[str]) -> Sequence[HttpSpec]:
    known = {spec.name: spec for spec in load_catalogue()}
    for name in names:
        if name not in known:
            raise UnknownNameError("provider of the catalogue", name, known=tuple(known))
    return [known[name] for name in dict.fromkeys(names)] or list(known.values())


def _with_options(base: Behaviour, options: Mapping[str, float | None]) -> Behaviour:
    given = {name: value for name, value in options.items() if value is not None}
    changed = base.flaky(given["flaky"]) if "flaky" in given else base
    return replace(
        changed,
        seed=int(given.get("seed", changed.seed)),
        coverage=given.get("coverage", changed.coverage),
        lies=given.get("lies", changed.lies),
        pending=given.get("pending", changed.pending),
        latency_s=given.get("latency", changed.latency_s),
        purse_credits=given.get("purse", changed.purse_credits),
        limits=changed.limits and not given.get("no_limits"),
    )


def _tell(simulator: Simulator, specs: Sequence[HttpSpec]) -> None:
    for name, value in environment_of(simulator.url, specs).items():
        click.echo(f"export {name}={value}")
    for spec in specs:
        print_note(f"{spec.name:24} {simulator.url_of(spec.name)}")
    print_note(f"{'what was asked':24} {simulator.url}/_ledger")
    print_note("Ctrl-C stops it.")


def _wait() -> None:
    never = threading.Event()
    try:
        while not never.wait(0.5):
            pass
    except KeyboardInterrupt:
        print_note("stopping")
