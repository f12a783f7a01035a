"""A table is enriched, labelled and enriched again, and every cell can say why."""

from collections.abc import Iterator

import pytest

from enrich.domain.policy import FusionMethod
from enrich.domain.run import Force
from enrich.engine.gather import Hearing
from enrich.engine.learning import learn_all, learn_tables
from enrich.engine.replay import replay
from enrich.engine.why import Voice, why
from enrich.errors import UnknownNameError
from tests.unit.batches import COMPANY
from tests.unit.engine_world import World
from tests.unit.trust_world import label_rows, learned_world, truth_of

ROWS = 240
LABELLED = range(200)


@pytest.fixture(scope="module")
def before() -> Iterator[World]:
    """A table that was enriched once, when nothing was known."""
    with learned_world(ROWS) as made:
        made.run()
        yield made


@pytest.fixture(scope="module")
def after(before: World) -> World:
    """The same after 200 labels, learning, and another run from what is recorded."""
    label_rows(before, LABELLED)
    learn_tables(before.parts, "default", ["t"])
    before.run(force=Force.CELLS)
    return before


def unlabelled_right(made: World) -> float:
    keys = [f"r{n + 1}" for n in range(len(LABELLED), ROWS)]
    rows = made.parts.rows.read("default", "t", keys)
    right = [row.data[COMPANY.key] == truth_of(str(row.data["email"])) for row in rows]
    return sum(right) / len(right)


def voice_of(made: World, name: str, *, trust: int) -> Voice:
    found = why(made.parts, "default", "t", "r230", COMPANY.key, trust=trust)
    return next(voice for voice in found.voices if voice.provider == name)


def test_labels_make_the_cells_without_labels_right(after: World) -> None:
    first = replay(after.parts, Hearing(table="t", trust=0), method=FusionMethod.LEARNED)

    assert unlabelled_right(after) >= 0.9
    assert first.labelled_right / first.labelled < 0.7


def test_the_cell_says_whose_word_came_to_weigh_more(after: World) -> None:
    assert voice_of(after, "calm", trust=1).nats > voice_of(after, "calm", trust=0).nats
    assert voice_of(after, "loud", trust=1).nats < voice_of(after, "loud", trust=0).nats


def test_a_reseller_is_found_and_its_echo_not_counted(after: World) -> None:
    assert after.parts.trust is not None
    families = after.parts.trust.store.newest("default").families

    assert families == {"echo": "echo", "loud": "echo"}
    spoken = [voice_of(after, name, trust=1).counts for name in ("loud", "echo")]
    assert sorted(spoken) == [False, True]


def test_why_reproduces_what_was_decided(after: World) -> None:
    found = why(after.parts, "default", "t", "r230", COMPANY.key)

    assert found.reproduced
    assert found.fused is not None
    assert found.row.cells[COMPANY.key].confidence == found.fused.confidence
    assert (found.method, found.trust) == ("learned", 1)


def test_why_lists_who_was_asked(after: World) -> None:
    found = why(after.parts, "default", "t", "r1", COMPANY.key)

    assert [(one.provider, one.asked, one.what) for one in found.asked] == [
        ("calm", True, "found"),
        ("echo", True, "found"),
        ("loud", True, "found"),
    ]


def test_a_replay_by_the_same_trust_changes_nothing(after: World) -> None:
    found = replay(after.parts, Hearing(table="t"), method=FusionMethod.LEARNED)

    assert (found.cells, found.changed) == (ROWS, 0)
    assert found.calibration_error is not None
    assert found.calibration_error < 0.06


def test_a_replay_asks_nobody_and_writes_nothing(after: World) -> None:
    cells = after.row("r1").cells

    found = replay(after.parts, Hearing(table="t"), method=FusionMethod.BEST)

    assert found.changed > 0
    assert after.row("r1").cells == cells


def test_the_schedule_learns_for_every_tenant(after: World) -> None:
    assert learn_all(after.parts) == 1
    assert after.parts.trust is not None
    assert after.parts.trust.store.history("default")[0].reason == "scheduled"


def test_a_label_of_an_unknown_row_is_refused(before: World) -> None:
    with pytest.raises(UnknownNameError, match="row"):
        label_rows(before, [9_999])
