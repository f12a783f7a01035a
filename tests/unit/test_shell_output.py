"""What the shell prints does nothing but be read."""

import pytest

from enrich.cli.output import inert, print_facts, short
from enrich.cli.servers import without_password


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("Zürich 東京 🙂", "Zürich 東京 🙂", id="plain"),
        pytest.param("\x1b[2Jgone", "\\u001b[2Jgone", id="R10-escape"),
        pytest.param("a\nb\tc", "a\\u000ab\\u0009c", id="line-ends"),
        pytest.param("abc\u202edef", "abc\\u202edef", id="right-to-left"),
        pytest.param("a\u200bb", "a\\u200bb", id="invisible"),
    ],
)
def test_control_characters_are_shown_by_number(text: str, shown: str) -> None:
    assert inert(text) == shown


def test_long_values_are_cut_with_a_sign() -> None:
    assert short("x" * 100) == "x" * 47 + "…"


def test_facts_are_aligned_and_inert(capsys: pytest.CaptureFixture[str]) -> None:
    print_facts([("state", "filled"), ("provider", "\x1b[31mred"), ("value", None)])

    assert capsys.readouterr().out == "state     filled\nprovider  \\u001b[31mred\nvalue\n"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://me:s3cret@host/db", "postgresql://me:***@host/db"),
        ("redis://:s3cret@host:6379/0", "redis://:***@host:6379/0"),
        ("postgresql://me@/db?host=/run", "postgresql://me@/db?host=/run"),
        ("unix:///run/valkey.sock?db=0", "unix:///run/valkey.sock?db=0"),
    ],
)
def test_passwords_of_addresses_are_masked(url: str, shown: str) -> None:
    assert without_password(url) == shown
