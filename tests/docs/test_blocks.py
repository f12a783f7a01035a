"""What the documentation shows works as shown: every block of every page is run."""

import json
import tomllib
from pathlib import Path
from shutil import which

import pytest

from tests.docs.conftest import Installation
from tests.docs.pages import LANGUAGES, ROOT, Block, blocks_of, pages

pytestmark = [pytest.mark.servers, pytest.mark.worker]

_RUN = ("sh", "python", "sql")
#: Pages run with the suite; `make docs-test` runs the others too.
_QUICK = (
    "README.md",
    "docs/guides/concepts.md",
    "docs/guides/failure.md",
    "docs/guides/migrating.md",
    "docs/guides/producers.md",
    "docs/examples/crm_export.md",
    "docs/examples/own_provider.md",
)

BLOCKS = [block for page in pages() for block in blocks_of(page)]
WRITTEN = {
    language: [b for b in BLOCKS if b.language == language and not b.reason]
    for language in ("json", "toml")
}


def _page(page: Path) -> object:
    name = str(page.relative_to(ROOT))
    marks = [] if name in _QUICK else [pytest.mark.proof]
    if name == "docs/examples/node.md":
        has_node = which("node") and which("npm")
        marks.append(pytest.mark.skipif(not has_node, reason="there is no Node here"))
    return pytest.param(page, id=name, marks=marks)


RUNNABLE = [page for page in pages() if any(b.language in _RUN for b in blocks_of(page))]


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_a_block_says_what_it_is_written_in(block: Block) -> None:
    assert block.language in LANGUAGES


@pytest.mark.parametrize("block", WRITTEN["json"], ids=str)
def test_json_is_json(block: Block) -> None:
    json.loads(block.text)


@pytest.mark.parametrize("block", WRITTEN["toml"], ids=str)
def test_toml_is_toml(block: Block) -> None:
    tomllib.loads(block.text)


@pytest.mark.parametrize("page", [_page(page) for page in RUNNABLE])
def test_the_blocks_of_a_page_work_in_order(page: Path, installation: Installation) -> None:
    blocks = [b for b in blocks_of(page) if b.language in _RUN and not b.reason]
    installation.empty()
    folder = installation.begin_page()
    installation.lay_examples(folder)

    code, said = installation.run(blocks, folder)

    assert code == 0, said[-4000:]
