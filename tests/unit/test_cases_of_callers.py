"""The cases of what callers send over HTTP: each has a test that carries its number."""

import re
from pathlib import Path

import pytest

_TESTS = Path(__file__).parents[1] / "integration"
_FILES = ("test_api_credentials.py", "test_api_profiles.py", "test_api_requests.py")
_NAMED = re.compile(r"\bI(\d\d)\b|test_i(\d\d)_")


@pytest.fixture(scope="module")
def covered() -> frozenset[int]:
    """The numbers that stand in names and ids of tests."""
    texts = [(_TESTS / name).read_text(encoding="utf-8") for name in _FILES]
    bodies = [text.partition("pytestmark")[2] for text in texts]
    return frozenset(int(a or b) for body in bodies for a, b in _NAMED.findall(body))


@pytest.mark.parametrize("number", range(1, 39))
def test_a_case_has_a_test(covered: frozenset[int], number: int) -> None:
    assert number in covered
