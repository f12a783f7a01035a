"""What the document of the interface lets a name be, and what the interface takes for one."""

import re

import pytest
from pydantic import TypeAdapter

from enrich.api.models import Name

BLANKS = [chr(code) for code in range(0x3001) if not chr(code).strip()]


@pytest.fixture(scope="module")
def pattern() -> "re.Pattern[str]":
    # An engine of ECMA's expressions takes none of these for blank; Python's takes them.
    published = str(TypeAdapter(Name).json_schema()["pattern"])
    return re.compile(
        published.replace(r"\s", r" \t-\r\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000")
    )


@pytest.mark.parametrize("blank", [pytest.param(one, id=f"{ord(one):#x}") for one in BLANKS])
def test_a_name_of_a_blank_alone_is_said_to_be_none(pattern: "re.Pattern[str]", blank: str) -> None:
    assert pattern.search(blank) is None
    assert pattern.search(f"a{blank}")
