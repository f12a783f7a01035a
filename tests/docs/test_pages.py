"""Links lead somewhere, commands exist, and what is generated is what the code says."""

import re
import runpy
import shlex
from collections.abc import Mapping
from pathlib import Path

import click
import pytest

from enrich.cli.main import cli
from tests.docs.pages import ROOT, Link, Named, documents, links_of, named_in, slug

GENERATED: Mapping[str, str] = runpy.run_path(str(ROOT / "docs" / "generate.py"))["pages"]()
REFERENCE = ROOT / "docs" / "reference"
LINKS = [link for page in documents() for link in links_of(page)]
NAMED = {str(named): named for page in documents() for named in named_in(page)}
TARGETS = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)


def headings(page: Path) -> set[str]:
    lines = page.read_text(encoding="utf-8").splitlines()
    return {slug(line.lstrip("#")) for line in lines if line.startswith("#")}


def lacking(link: Link) -> str:
    path, _, heading = link.target.partition("#")
    target = (link.page.parent / path).resolve() if path else link.page
    if not target.exists():
        return f"there is no {path}"
    is_there = not heading or target.suffix != ".md" or heading in headings(target)
    return "" if is_there else f"{target.name} has no heading #{heading}"


def options_of(command: click.Command) -> set[str]:
    own = {name for one in command.params for name in (*one.opts, *one.secondary_opts)}
    below = command.commands.values() if isinstance(command, click.Group) else ()
    return own.union(*map(options_of, below))


def lacking_of(named: Named) -> str:
    name, *words = shlex.split(named.words)
    if named.program == "make":
        return "" if name in TARGETS else f"there is no target {name}"
    command = cli.get_command(click.Context(cli), name)
    if command is None:
        return f"there is no command {name}"
    below = set(command.commands) if isinstance(command, click.Group) else set()
    said = [word for word in words if not word.startswith("-") and not word.isupper()]
    if below and said and not takes_words(command) and said[0] not in below:
        return f"{name} has no {said[0]}"
    unknown = {word for word in words if re.match("--?[a-z]", word)} - options_of(command)
    return f"{name} has no {sorted(unknown)}" if unknown else ""


def takes_words(command: click.Command) -> bool:
    return any(isinstance(one, click.Argument) for one in command.params)


@pytest.mark.parametrize("named", NAMED)
def test_a_command_that_is_named_exists(named: str) -> None:
    assert lacking_of(NAMED[named]) == ""


@pytest.mark.parametrize("link", LINKS, ids=str)
def test_a_link_leads_somewhere(link: Link) -> None:
    assert lacking(link) == ""


@pytest.mark.parametrize("name", GENERATED)
def test_the_reference_is_what_the_code_says(name: str) -> None:
    written = (REFERENCE / name).read_text(encoding="utf-8")

    assert written == GENERATED[name], "run `make reference`"


def test_the_readme_can_be_read_in_one_sitting() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 300
