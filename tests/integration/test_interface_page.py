"""The page of the REST interface says what the interface serves."""

import runpy
from pathlib import Path

import pytest
import requests

pytestmark = [pytest.mark.servers, pytest.mark.worker]

_DOCS = Path(__file__).parents[2] / "docs"


def test_the_reference_of_the_interface_is_what_is_served(api: str) -> None:
    written = runpy.run_path(str(_DOCS / "generate.py"))["interface_page"]
    served = requests.get(f"{api}/openapi.json", timeout=30).json()

    page = (_DOCS / "reference" / "interface.md").read_text(encoding="utf-8")
    assert page == written(served), "run `make reference`"
