"""Trust through the shell: labels in, what is learned out, and what it would change."""

import json
from typing import Any

import pytest

from tests.acceptance.shell import Shell

pytestmark = pytest.mark.servers

_FIRMS = """\
Symbol,Company
MMM,3M
ABT,Abbott Laboratories
AAPL,Apple Inc.
"""


@pytest.fixture(scope="module")
def learned(shell: Shell) -> Any:
    """What was learned from a run over three companies and one label."""
    shell.write("firms.csv", _FIRMS)
    shell.json("import", "firms.csv", "--table", "firms")
    shell.json("run", "firms", "--columns", "country,industry", "--in-process")
    shell.json("label", "firms", "AAPL", "country", "--right")
    return shell.json("trust", "learn", "firms")


def test_label_says_what_was_taken_down(shell: Shell, learned: Any) -> None:
    told = shell("label", "firms", "MMM", "country", "--value", "United States")

    assert told.stdout == "MMM · country: 'United States' is right\n"


def test_label_without_a_verdict_is_refused_in_one_sentence(shell: Shell, learned: Any) -> None:
    told = shell("label", "firms", "MMM", "country")

    assert told.returncode == 2
    assert "--right, --wrong and --value" in told.stderr
    assert "Traceback" not in told.stderr


def test_trust_is_learned_by_field_and_provider(learned: Any) -> None:
    assert learned["version"] >= 1
    assert learned["labels"] == pytest.approx(1.0, abs=0.01)  # it fades from the first second
    assert "company_facts" in learned["fields"]["country"]["tallies"]


def test_trust_that_is_exported_and_taken_back_is_the_same(shell: Shell, learned: Any) -> None:
    assert shell("trust", "--export", "trust.json").returncode == 0
    back = shell.json("trust", "--import", "trust.json")
    written = json.loads((shell.folder / "trust.json").read_text(encoding="utf-8"))

    assert {**back, "version": 0} == {**written, "version": 0}


def test_cell_says_whose_word_weighed_what(shell: Shell, learned: Any) -> None:
    why = shell.json("cell", "firms", "AAPL", "country", "--why")

    heard = {voice["provider"]: voice for voice in why["voices"]}
    assert heard["company_facts"]["counts"]
    assert heard["company_facts"]["raw"]
    assert why["reproduced"]
    assert {one["provider"] for one in why["asked"]} >= heard.keys()


def test_replay_tells_what_would_change_and_writes_nothing(shell: Shell, learned: Any) -> None:
    before = shell.json("cell", "firms", "AAPL", "country")

    found = shell.json("replay", "firms", "--policy", "learned")

    assert (found["policy"], found["labelled"]) == ("learned", found["labelled_right"])
    assert found["cells"] >= found["accepted"] > 0
    assert shell.json("cell", "firms", "AAPL", "country") == before
