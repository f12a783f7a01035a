"""What the documentation shows works as shown: every block of every page is run."""

import json
import tomllib
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from shutil import which
from subprocess import run

import pytest
import requests

from tests.docs.installation import Installation
from tests.docs.pages import LANGUAGES, ROOT, Block, blocks_of, pages

pytestmark = [pytest.mark.servers, pytest.mark.worker, pytest.mark.timeout(900)]

_RUN = ("sh", "python", "sql")

BLOCKS = [block for page in pages() for block in blocks_of(page)]
RUNNABLE = {
    str(page.relative_to(ROOT)): blocks
    for page in pages()
    if (blocks := [b for b in blocks_of(page) if b.language in _RUN and not b.reason])
}
WRITTEN = {
    language: [b for b in BLOCKS if b.language == language and not b.reason]
    for language in ("json", "toml")
}


@cache
def why_without_node() -> str:
    """Say why a page that needs Node's packages cannot be tried; empty when it can."""
    if not (which("node") and which("npm")):
        return "there is no Node here"
    asked = run(["npm", "config", "get", "registry"], capture_output=True, text=True, timeout=60)
    try:
        requests.head(asked.stdout.strip(), timeout=10)
    except requests.RequestException as exc:
        return f"the registry of Node's packages does not answer ({type(exc).__name__})"
    return ""


def the_service_has_told_it_all(folder: Path) -> None:
    """The story of the service: what was found, by whom, and who was told."""
    job = json.loads((folder / "done.json").read_text())["job"]
    found = json.loads((folder / "found.json").read_text())

    assert (job["status"], job["result"]["embeddingUpserted"]) == ("completed", True)
    assert job["result"]["fields"]["industry"]["provenance"]["provider"]
    assert found["items"][0]["row"] == "cand-1"
    # It may be told again when it was slow to say that it has heard.
    assert {*(folder / "told.log").read_text().splitlines()} == {"verified job.completed"}


def nothing_more(folder: Path) -> None:
    """All is well when no block has failed."""


#: What a page leaves behind, where that says more than an exit code.
LEFT: Mapping[str, Callable[[Path], None]] = {
    "docs/guides/service.md": the_service_has_told_it_all,
}
#: What a page needs beside the installation: gives why it is not there.
LACKS: Mapping[str, Callable[[], str]] = {"docs/examples/node.md": why_without_node}


@pytest.fixture
def page(request: pytest.FixtureRequest) -> str:
    """Name a page; what it needs is there."""
    if lacking := LACKS.get(request.param, str)():
        pytest.skip(lacking)
    return str(request.param)


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_a_block_says_what_it_is_written_in(block: Block) -> None:
    assert block.language in LANGUAGES


@pytest.mark.parametrize("block", WRITTEN["json"], ids=str)
def test_json_is_json(block: Block) -> None:
    json.loads(block.text)


@pytest.mark.parametrize("block", WRITTEN["toml"], ids=str)
def test_toml_is_toml(block: Block) -> None:
    tomllib.loads(block.text)


@pytest.mark.parametrize("page", RUNNABLE, indirect=True)
def test_the_blocks_of_a_page_work_in_order(page: str, installation: Installation) -> None:
    folder = installation.begin_page()

    code, said = installation.run(RUNNABLE[page], folder)

    assert code == 0, said[-4000:]
    LEFT.get(page, nothing_more)(folder)
