"""Whom to trust, learned from labels and from agreement."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from random import Random

import numpy as np

from enrich.domain.fusion import Judge, TrustState, Vote, fuse
from enrich.domain.fusion.trust import accuracy_of
from enrich.domain.learning import Evidence, learn
from enrich.domain.learning.calibrate import isotonic, sharpness
from enrich.domain.policy import FusionMethod, FusionPolicy

AT = datetime(2026, 1, 1, tzinfo=UTC)
RIGHT = frozenset({"right"})


def vote(provider: str, value: str, *, confidence: float = 0.8, family: str = "") -> Vote:
    return Vote(
        provider=provider, family=family or provider, rank=0, value=value,
        confidence=confidence, observed_at=AT, key=value,
    )  # fmt: skip


def cells(
    count: int, honesty: dict[str, float], *, seed: int = 1, copies: Sequence[str] = ()
) -> list[Evidence]:
    """Make labelled cells; `copies` say what the first provider says."""
    draw = Random(seed)
    made = []
    for _ in range(count):
        said = {
            name: "right" if draw.random() < share else f"wrong {int(draw.expovariate(0.4))}"
            for name, share in honesty.items()
        }
        said |= dict.fromkeys(copies, next(iter(said.values())))
        votes = tuple(vote(name, value) for name, value in said.items())
        made.append(Evidence(field="f", votes=votes, right=RIGHT))
    return made


def unlabelled(made: Sequence[Evidence]) -> list[Evidence]:
    return [replace(one, right=None) for one in made]


def share_right(made: Sequence[Evidence], state: TrustState) -> float:
    policy = FusionPolicy(method=FusionMethod.LEARNED, judge=Judge(state))
    fused = [fuse(one.votes, policy, min_confidence=0.0, field="f") for one in made]
    return sum(one is not None and one.value == "right" for one in fused) / len(made)


def test_nothing_is_learned_from_nothing() -> None:
    assert learn([]) == TrustState()


def test_who_is_right_more_often_is_trusted_more() -> None:
    state = learn(cells(100, {"good": 0.9, "bad": 0.4}))

    assert accuracy_of(state, "good", "f") > 0.85
    assert accuracy_of(state, "bad", "f") < 0.5


def test_trust_of_one_field_is_a_first_guess_in_another() -> None:
    state = learn(cells(100, {"good": 0.95, "bad": 0.3}))

    assert accuracy_of(state, "good", "elsewhere") > accuracy_of(state, "bad", "elsewhere")


def test_a_word_that_a_value_is_wrong_lowers_who_said_it() -> None:
    said = (vote("a", "x"), vote("b", "y"))
    before = learn([Evidence(field="f", votes=said)])
    after = learn([Evidence(field="f", votes=said, wrong=frozenset({"x"}))] * 5)

    assert accuracy_of(after, "a", "f") < accuracy_of(before, "a", "f")


def test_who_turns_bad_loses_its_trust_as_the_old_is_forgotten() -> None:
    old = cells(200, {"turned": 0.95, "steady": 0.75}, seed=1)
    new = cells(60, {"turned": 0.2, "steady": 0.75}, seed=2)
    faded = [replace(one, weight=0.05) for one in old]

    remembered, forgetful = learn([*old, *new]), learn([*faded, *new])

    assert accuracy_of(remembered, "turned", "f") > 0.7
    assert accuracy_of(forgetful, "turned", "f") < 0.5


def test_agreement_tells_the_honest_without_any_label() -> None:
    made = cells(300, {"a": 0.9, "b": 0.85, "c": 0.8, "d": 0.3, "e": 0.25})

    state = learn(unlabelled(made))

    assert accuracy_of(state, "a", "f") > accuracy_of(state, "d", "f") + 0.2
    assert share_right(made, state) > 0.9


def test_resellers_are_found_by_the_mistakes_they_share() -> None:
    honesty = {"source": 0.7, "other": 0.7, "third": 0.8}
    state = learn(cells(200, honesty, copies=("echo", "mirror")))

    assert state.families == dict.fromkeys(["echo", "mirror", "source"], "echo")


def test_the_honest_are_no_family_however_much_they_agree() -> None:
    state = learn(cells(300, {"a": 0.97, "b": 0.96, "c": 0.95}))

    assert state.families == {}


def test_a_crowd_with_a_bias_is_read_by_what_each_says_of_each() -> None:
    draw = Random(3)
    made, truths = [], []
    for number in range(400):
        truth = "yes" if draw.random() < 0.5 else "no"
        votes = [
            # The shy say yes only when it is true, and then half of the time.
            vote(f"shy{i}", "yes" if truth == "yes" and draw.random() < 0.5 else "no")
            for i in range(5)
        ]
        made.append(Evidence(field="f", votes=tuple(votes)))
        truths.append((number, truth))

    state = learn(made)

    policy = FusionPolicy(method=FusionMethod.LEARNED, judge=Judge(state))
    fused = [fuse(one.votes, policy, min_confidence=0.0, field="f") for one in made]
    right = sum(fused[n] is not None and fused[n].value == t for n, t in truths)  # type: ignore[union-attr] # not None
    assert state.fields["f"].confusion
    assert right / len(made) > 0.93


def test_own_confidence_counts_where_it_has_told_right_from_wrong() -> None:
    draw = Random(5)
    made = []
    for _ in range(300):
        is_right = draw.random() < 0.6
        sure = 0.97 if is_right == (draw.random() < 0.9) else 0.55
        said = (vote("a", "right" if is_right else "wrong", confidence=sure), vote("b", "right"))
        made.append(Evidence(field="f", votes=said, right=RIGHT))

    judge = Judge(learn(made))

    assert judge.weight("f", "a", 0.97) > judge.weight("f", "a", 0.55) + 0.5
    assert judge.weight("f", "b", 0.97) == judge.weight("f", "b", 0.55)


def test_curves_of_calibration_rise() -> None:
    draw = np.random.default_rng(1)
    confidence = draw.uniform(0, 1, 2000)
    right = (draw.uniform(0, 1, 2000) < confidence**2).astype(np.float64)

    knots = isotonic(confidence, right, np.ones(2000))

    assert list(knots) == sorted(knots)
    assert [y for _, y in knots] == sorted(y for _, y in knots)
    assert max(abs(y - x * x) for x, y in knots) < 0.15


def test_scores_that_are_too_sure_are_blunted() -> None:
    draw = np.random.default_rng(2)
    right = draw.uniform(0, 1, 1000) < 0.8
    scores = np.tile([5.0, 0.0], 1000)
    cell_of = np.repeat(np.arange(1000), 2)
    is_open = np.column_stack([right, ~right]).ravel()

    assert sharpness(scores, cell_of, is_open, np.ones(1000)) < 0.4
