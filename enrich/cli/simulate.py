"""`enrich simulate`: vendors on loopback, by their files, so that nothing is asked or paid."""

import shlex
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import click

from enrich.bootstrap import settings
from enrich.cli.output import print_note
from enrich.cli.spec_files import is_path, known_specs, spec_of
from enrich.cli.workers import stopped_by_signals
from enrich.errors import BadInputError
from providers.simulator import Behaviour, Simulator, behaviours_from
from providers.spec import HttpSpec, load_catalogue

__all__ = ["environment_of", "simulate_command", "specs_served"]

_RATE = click.FloatRange(0, 1)
_CONTACT = "simulation@example.com"
#: Like no value of a row: an answer that repeats a key is refused.
_KEY = "key-of-the-simulator"


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
    """Serve vendors on loopback until Ctrl-C: all, or NAMES of the catalogue, yours, or files.

    They answer as their files' examples do, keep their limits, and charge nobody. What they were
    asked is at /_ledger. Run the lines that are printed where runs and workers start, and
    everything is asked here.
    """
    specs = specs_served(names)
    common, each = behaviours_from(behaviour, Behaviour()) if behaviour else (Behaviour(), {})
    common = _with_options(common, options)
    own = {name: _with_options(one, options) for name, one in each.items()}
    with stopped_by_signals(), Simulator(specs, common, each=own, port=port) as simulator:
        _tell(simulator, specs, _folder(names))
        _wait()


def environment_of(
    simulator_url: str, specs: Sequence[HttpSpec], folder: Path | None = None
) -> Mapping[str, str]:
    """Give the variables by which files are asked of a simulator, with keys made up.

    `folder` has those files that are not of the catalogue.
    """
    catalogue = {spec.name for spec in load_catalogue()}
    needed = sorted({spec.credential for spec in specs if spec.credential})
    shown = {f"ENRICH_CREDENTIALS__{name.upper()}": _KEY for name in needed}
    if any(spec.name in catalogue for spec in specs):
        shown["ENRICH_PROVIDERS__CATALOGUE"] = "true"
    if folder is not None and any(spec.name not in catalogue for spec in specs):
        shown["ENRICH_PROVIDERS__DIRECTORY"] = str(folder)
    if any(spec.contact for spec in specs):
        shown["ENRICH_PROVIDERS__CONTACT"] = _CONTACT
    # The last: whoever has read this line has all.
    return {**shown, "ENRICH_PROVIDERS__BASE_URL": simulator_url}


def specs_served(names: Sequence[str]) -> Sequence[HttpSpec]:
    """Read the files that are named; without names the catalogue's, and your own that are right."""
    if names:
        return list({spec.name: spec for spec in map(spec_of, names)}.values())
    specs, faults = known_specs(settings())
    for fault in faults:
        print_note(f"left out: {fault}")
    return list(specs.values())


def _folder(names: Sequence[str]) -> Path | None:
    """Give the folder of the files that are named, else the setting's."""
    folders = sorted({Path(name).resolve().parent for name in names if is_path(name)})
    if len(folders) > 1:
        raise BadInputError(
            "NAME",
            f"files of {len(folders)} folders; workers read one",
            hint="lay them in one folder, or simulate them one after the other",
        )
    own = settings().providers.directory
    return folders[0] if folders else own and own.resolve()


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


def _tell(simulator: Simulator, specs: Sequence[HttpSpec], folder: Path | None) -> None:
    for name, value in environment_of(simulator.url, specs, folder).items():
        click.echo(f"export {name}={shlex.quote(value)}")
    for spec in specs:
        print_note(f"{spec.name:24} {simulator.url_of(spec.name)}")
    print_note(f"{'what was asked':24} {simulator.url}/_ledger")
    print_note("Run the export lines where runs and workers start. Ctrl-C stops it.")


def _wait() -> None:
    never = threading.Event()
    try:
        while not never.wait(0.5):
            pass
    except KeyboardInterrupt:
        print_note("stopping")
