"""The files of providers that a command means: by their names, or by their path."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from enrich.bootstrap import settings
from enrich.cli.output import print_note
from enrich.errors import BadFileError, UnknownNameError
from enrich.settings import Settings
from providers.catalogued import own_specs
from providers.spec import HttpSpec, load, load_catalogue

__all__ = ["is_path", "known_specs", "note_refused_files", "spec_of"]


def known_specs(own: Settings) -> tuple[Mapping[str, HttpSpec], Sequence[BadFileError]]:
    """Give the providers of files by name: the catalogue's and your own; and what is wrong."""
    directory = own.providers.directory
    added, faults = own_specs(directory) if directory else ((), ())
    return {spec.name: spec for spec in (*load_catalogue(), *added)}, faults


def note_refused_files() -> None:
    """Say beside a result whose files are left out, and why: they were not asked."""
    directory = settings().providers.directory
    for fault in own_specs(directory)[1] if directory else ():
        print_note(f"{Path(fault.path).stem} was not asked, its file is left out: {fault}")


def is_path(provider: str) -> bool:
    """Say whether a provider is named by its file."""
    return provider.endswith(".toml") or "/" in provider


def spec_of(provider: str) -> HttpSpec:
    """Read the file of a provider, by its name or by the file's path.

    Raises:
        BadFileError: its file is wrong, or cannot be read.
        UnknownNameError: no file has this name.
    """
    if is_path(provider):
        return load(Path(provider))
    specs, faults = known_specs(settings())
    if provider in specs:
        return specs[provider]
    for fault in faults:
        if Path(fault.path).stem == provider:
            raise fault
    raise UnknownNameError("provider with a file", provider, known=tuple(specs))
