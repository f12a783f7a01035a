"""The installation in which pages are read."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.installation import Installation, running


@pytest.fixture(scope="module")
def installation(warm_enrich: Path) -> Iterator[Installation]:
    """Everything running, as after `enrich up`; ended with the file that needs it."""
    with running(warm_enrich) as installation:
        yield installation
