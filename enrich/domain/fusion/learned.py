"""Fusion by learned trust: log-odds over independent families, "none of these", calibrated.

Every family speaks once for a value, with its member that weighs most; so a reseller's echo adds
nothing. Sums are exact (`fsum`), so that no order and no repetition changes a bit.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from math import exp, fsum, log

from enrich.domain.fusion.judge import BINS, Judge
from enrich.domain.fusion.trust import FieldTrust, accuracy_of
from enrich.domain.fusion.votes import (
    Candidate,
    Flag,
    Fused,
    Group,
    Verdict,
    Vote,
    speaker_of,
)

__all__ = ["calibrated", "fuse_learned", "probabilities", "spoken"]

#: A rival of another family that is at least this probable makes a cell contested.
_RIVAL = 0.05
#: How near a rival may come to the first, as a share of it.
_BEHIND = 1.0 - 1e-6


def fuse_learned(groups: Sequence[Group], judge: Judge, field: str, *, least: float) -> Fused:
    """Choose the most probable of groups of votes, of which there is at least one.

    It is accepted from a probability of `least` on.
    """
    heard = [spoken(votes, judge, field) for _, votes in groups]
    chances, none = probabilities(groups, heard, judge, field)
    speakers = [speaker_of(votes) for _, votes in groups]
    ranked, best, agreement = [0], 0, 1.0
    if len(groups) > 1:
        ranked = sorted(range(len(groups)), key=lambda i: (-chances[i], i))
        best = ranked[0]
        agreement = round(len(heard[best]) / len(set().union(*heard)), 6)
    speaker, accepted = speakers[best], chances[best] >= least
    return Fused(
        value=speaker.value,
        provider=speaker.provider,
        confidence=chances[best],
        observed_at=speaker.observed_at,
        support=len(heard[best]),
        agreement=agreement,
        verdict=Verdict.ACCEPT if accepted else Verdict.ESCALATE,
        flags=_flags(heard, ranked, chances) if accepted else (Flag.UNDECIDED,),
        candidates=tuple(
            [_candidate(groups[i], speakers[i], chances[i], len(heard[i])) for i in ranked]
        ),
        none=none,
    )


def probabilities(
    groups: Sequence[Group], heard: Sequence[Mapping[str, float]], judge: Judge, field: str
) -> tuple[list[float], float]:
    """Give the probability that each group's value is right, and that none of them is.

    `heard` is what each family adds to each group, as `spoken` has it.
    """
    known = judge.field(field)
    if known.confusion:
        scores, none = _by_confusion(groups, judge, known)
    else:
        scores = [fsum(weights.values()) for weights in heard]
        unseen = max(1.0, known.spread + 1.0 - len(groups))
        none = log(unseen) if known.none is None else known.none
    return _softmax(scores, none, known)


def spoken(votes: Sequence[Vote], judge: Judge, field: str) -> dict[str, float]:
    """Give by family the nats that it adds to the value that these votes are for."""
    found, weights = judge.state.families, judge.weights(field)
    heard: dict[str, float] = {}
    for vote in votes:
        family = found.get(vote.family, vote.family) if found else vote.family
        weight, bins = weights[vote.provider]
        if bins:
            weight += bins[bisect_right(BINS, vote.confidence)]
        if family not in heard or weight > heard[family]:
            heard[family] = weight
    return heard


def calibrated(confidence: float, known: FieldTrust) -> float:
    """Turn the most probable value's probability into the share of such that was right."""
    knots = known.knots
    if not knots:
        return confidence
    place = bisect_right(knots, (confidence, 2.0))
    if place == 0:
        return knots[0][1]
    if place == len(knots):
        return knots[-1][1]
    (x0, y0), (x1, y1) = knots[place - 1], knots[place]
    return y0 + (y1 - y0) * (confidence - x0) / (x1 - x0)


def _softmax(scores: Sequence[float], none: float, known: FieldTrust) -> tuple[list[float], float]:
    sharpness = known.sharpness
    most = max(none, *scores)
    parts = [exp((score - most) * sharpness) for score in scores]
    rest = exp((none - most) * sharpness)
    total = fsum((*parts, rest))
    chances, none = [part / total for part in parts], rest / total
    if known.knots:
        top = max(chances)
        right = calibrated(top, known)
        # What the others have keeps its proportions, but none of them comes to be the first.
        share = (1.0 - right) / (1.0 - top) if top < 1.0 else 0.0
        first, most = chances.index(top), right * _BEHIND
        chances = [right if i == first else min(most, c * share) for i, c in enumerate(chances)]
        none = max(0.0, 1.0 - fsum(chances))
    return [round(chance, 9) for chance in chances], round(none, 9)


def _by_confusion(
    groups: Sequence[Group], judge: Judge, known: FieldTrust
) -> tuple[list[float], float]:
    """Score categories by what each provider says when which of them is true."""
    said = _word_of_families(groups, judge)
    scores = {
        truth: fsum((prior, *(_likelihood(p, truth, key, known) for p, key in said)))
        for truth, prior in known.priors.items()
    }
    floor = min(scores.values())
    given = {key for key, _ in groups}
    most = max(scores.values())
    others = fsum(exp(score - most) for truth, score in scores.items() if truth not in given)
    none = most + log(others) if others > 0.0 else floor - 50.0
    return [scores.get(key, floor - 50.0) for key, _ in groups], none


def _likelihood(provider: str, truth: str, key: str, known: FieldTrust) -> float:
    return known.confusion.get(provider, {}).get(truth, {}).get(key, 0.0)


def _word_of_families(groups: Sequence[Group], judge: Judge) -> list[tuple[str, str]]:
    """Give what each family says: the word of its most trusted member."""
    words: dict[str, tuple[float, str, str]] = {}
    for key, votes in groups:
        for vote in votes:
            family = judge.family(vote.family)
            word = (-accuracy_of(judge.state, vote.provider, ""), vote.provider, key)
            words[family] = min(word, words.get(family, word))
    return [(provider, key) for _, provider, key in words.values()]


def _candidate(group: Group, speaker: Vote, chance: float, families: int) -> Candidate:
    key, votes = group
    if len(votes) == 1:
        providers: tuple[str, ...] = (votes[0].provider,)
    else:
        providers = tuple(sorted({vote.provider for vote in votes}))
    return Candidate(
        value=speaker.value,
        key=key,
        probability=chance,
        providers=providers,
        families=families,
    )


def _flags(
    heard: Sequence[Mapping[str, float]], ranked: Sequence[int], chances: Sequence[float]
) -> tuple[Flag, ...]:
    if len(ranked) < 2 or chances[ranked[1]] < _RIVAL:
        return ()
    return (Flag.CONTESTED,) if heard[ranked[1]].keys() - heard[ranked[0]].keys() else ()
