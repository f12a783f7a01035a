"""Links lead somewhere, and what is generated is what the code says."""

import runpy
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, Link, links_of, pages, slug

GENERATED: Mapping[str, str] = runpy.run_path(str(ROOT / "docs" / "generate.py"))["pages"]()
REFERENCE = ROOT / "docs" / "reference"
LINKS = [link for page in pages() for link in links_of(page)]


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


@pytest.mark.parametrize("link", LINKS, ids=str)
def test_a_link_leads_somewhere(link: Link) -> None:
    assert lacking(link) == ""


@pytest.mark.parametrize("name", GENERATED)
def test_the_reference_is_what_the_code_says(name: str) -> None:
    written = (REFERENCE / name).read_text(encoding="utf-8")

    assert written == GENERATED[name], "run `make reference`"


def test_the_readme_can_be_read_in_one_sitting() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 300
