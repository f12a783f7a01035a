"""Forget what a provider said before it changed: that says nothing about what it is worth now."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import sqrt

import numpy as np

from enrich.domain.fusion.votes import Vote, groups_of
from enrich.domain.learning.evidence import Evidence, Floats

__all__ = ["changed_at", "since_changes"]

#: How many standard deviations apart before and after must be, and by how much at least.
_SURE, _LEAST = 5.0, 0.1
#: So many answers from after a change it takes to believe in it.
_AFTER = 20


def since_changes(evidence: Sequence[Evidence]) -> list[Evidence]:
    """Drop the votes that a provider gave before it last got better or worse.

    A change is looked for over all fields together, in how often the provider was right, or where
    that is not known agreed with what most others said. Older evidence comes first.
    """
    ordered = sorted(evidence, key=_moment)
    series: dict[str, list[tuple[int, str, float]]] = defaultdict(list)
    for place, one in enumerate(ordered):
        for vote, right in _judged(one):
            series[vote.provider].append((place, f"{one.field} {one.is_labelled}", right))
    changes: dict[str, int] = {}
    for provider, seen in series.items():
        change = changed_at(_residuals([(kind, right) for _, kind, right in seen]))
        if change is not None:
            changes[provider] = seen[change][0]
    return (
        [_later(one, place, changes) for place, one in enumerate(ordered)] if changes else ordered
    )


def changed_at(residuals: Floats) -> int | None:
    """Give the place of the first value after a change of the mean; None if there was none."""
    count = len(residuals)
    if count <= 2 * _AFTER:
        return None
    before = np.arange(_AFTER, count - _AFTER + 1)
    total = np.cumsum(residuals)
    low, high = total[before - 1] / before, (total[-1] - total[before - 1]) / (count - before)
    spread = max(float(residuals.std()), 1e-6)
    apart = np.abs(high - low)
    score = apart / (spread * np.sqrt(1.0 / before + 1.0 / (count - before)))
    best = int(np.argmax(score))
    # The longer one looks, the further apart two halves are by chance.
    sure = _SURE + sqrt(np.log(np.log(count + 3.0)))
    return int(before[best]) if score[best] > sure and apart[best] > _LEAST else None


def _moment(one: Evidence) -> float:
    return max((vote.observed_at.timestamp() for vote in one.votes), default=0.0)


def _judged(one: Evidence) -> list[tuple[Vote, float]]:
    """Say of votes whether they were right, as far as that can be told."""
    groups = groups_of(one.votes)
    if one.right is not None:
        return [(v, float(key in one.right)) for key, votes in groups for v in votes]
    families = Counter({key: len({v.family for v in votes}) for key, votes in groups})
    found = []
    for key, votes in groups:
        for vote in votes:
            others = families - Counter({key: 1})
            ranked = others.most_common(2)
            if not ranked or ranked[0][1] < 2:
                continue
            if len(ranked) == 1 or ranked[0][1] > ranked[1][1]:
                found.append((vote, float(ranked[0][0] == key)))
    return found


def _residuals(seen: Sequence[tuple[str, float]]) -> Floats:
    """Give by how much each is off the mean of its kind."""
    sums: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for kind, right in seen:
        sums[kind][0] += right
        sums[kind][1] += 1.0
    return np.array([right - sums[kind][0] / sums[kind][1] for kind, right in seen])


def _later(one: Evidence, place: int, changes: Mapping[str, int]) -> Evidence:
    votes = [v for v in one.votes if place >= changes.get(v.provider, 0)]
    return one if len(votes) == len(one.votes) else replace(one, votes=votes)
