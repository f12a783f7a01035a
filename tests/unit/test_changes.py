"""What a provider said before it changed is forgotten."""

from datetime import UTC, datetime
from random import Random

import numpy as np
import pytest

from enrich.domain.fusion import Vote
from enrich.domain.learning import Evidence, since_changes
from enrich.domain.learning.changes import changed_at

AT = datetime(2026, 1, 1, tzinfo=UTC)


def vote(provider: str, value: str) -> Vote:
    return Vote(
        provider=provider, family=provider, rank=0, value=value, confidence=0.8, observed_at=AT,
        key=value,
    )  # fmt: skip


def cells(count: int, *, turns_at: int, verified: float) -> list[Evidence]:
    """Make cells of three good providers and of one that is seldom right from some cell on."""
    chance = Random(7)
    found = []
    for number in range(count):
        said = [
            vote(name, "right" if chance.random() < 0.9 else f"w{chance.randrange(5)}")
            for name in "abc"
        ]
        share = 0.9 if number < turns_at else 0.3
        said.append(vote("d", "right" if chance.random() < share else f"w{chance.randrange(5)}"))
        right = frozenset({"right"}) if chance.random() < verified else None
        found.append(Evidence(field="city", votes=said, right=right))
    return found


@pytest.mark.parametrize("verified", [0.1, 1.0], ids=["one in ten verified", "all verified"])
def test_what_was_said_before_a_change_is_dropped(verified: float) -> None:
    kept = since_changes(cells(1000, turns_at=800, verified=verified))

    first = next(i for i, one in enumerate(kept) if any(v.provider == "d" for v in one.votes))
    assert 770 <= first <= 830
    assert all(len(one.votes) >= 3 for one in kept)


def test_who_stays_as_it_was_is_not_forgotten() -> None:
    given = cells(1000, turns_at=2000, verified=0.1)

    assert since_changes(given) == given


def test_a_few_answers_are_no_change() -> None:
    assert changed_at(np.array([1.0] * 20 + [-1.0] * 15)) is None
