"""Learn without labels where all values come from a small set: whom do the others bear out?

Two models: each provider is right equally often whatever is true (one coin), or says each category
with a chance of its own for each truth (Dawid and Skene). Which of them is kept is decided by how
well each foretells answers that it was not shown.
"""

from dataclasses import dataclass

import numpy as np

from enrich.domain.learning.evidence import Flags, Floats, Ints, sums

__all__ = ["Answers", "Crowd", "learn_crowd"]

_ROUNDS = 60
_ENOUGH = 1e-6
_FOLDS = 5
#: Added to each count of a provider's table, in all: one answer that says nothing.
_SMOOTHING = 1.0
#: As many answers of the average provider are added to those of each.
_COIN_STRENGTH = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """Who said which category of which cell, all by number, in one order.

    `given` fixes what is known: by cell, how probable each category is; a row of zeros is unknown.
    """

    cell: Ints
    provider: Ints
    category: Ints
    given: Floats
    providers: int

    @property
    def shape(self) -> tuple[int, int]:
        """How many cells and categories there are."""
        return self.given.shape[0], self.given.shape[1]

    def only(self, chosen: Flags) -> "Answers":
        """Give some of the answers."""
        return Answers(
            cell=self.cell[chosen],
            provider=self.provider[chosen],
            category=self.category[chosen],
            given=self.given,
            providers=self.providers,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowd:
    """What was learned: `says[p, t, c]`, the chance that p says c when t is true, and of each t.

    `chances` are the categories' probabilities by cell.
    """

    says: Floats
    priors: Floats
    chances: Floats
    foretold: float = 0.0


def learn_crowd(answers: Answers) -> Crowd:
    """Learn with the model that foretells held back answers best."""
    folds = _folds(len(answers.cell))
    best = max((False, True), key=lambda full: _foretold(answers, folds, full=full))
    return _expect(answers, full=best)


def _folds(count: int) -> Ints:
    # Spread by a multiplicative hash: neighbours are often of one cell.
    return (np.arange(count, dtype=np.int64) * 2_654_435_761 % 4_294_967_291) % _FOLDS


def _foretold(answers: Answers, folds: Ints, *, full: bool) -> float:
    total = 0.0
    for fold in range(_FOLDS):
        learned = _expect(answers.only(folds != fold), full=full)
        asked = answers.only(folds == fold)
        chances = np.einsum(
            "at,at->a",
            learned.chances[asked.cell],
            learned.says[asked.provider, :, asked.category],
        )
        total += float(np.log(np.maximum(chances, 1e-12)).sum())
    return total


def _expect(answers: Answers, *, full: bool) -> Crowd:
    """Take turns: what is probably true, and who is probably right about it."""
    cells, categories = answers.shape
    flat = answers.cell * categories + answers.category
    chances = np.bincount(flat, minlength=cells * categories).reshape(cells, categories) + 1e-3
    chances = _known(chances / chances.sum(axis=1, keepdims=True), answers)
    before, crowd = -np.inf, None
    for turn in range(_ROUNDS):
        # The table starts from what the one coin finds: it has fewer ways to go astray.
        says = _table(answers, chances) if full and turn >= 5 else _coins(answers, chances)
        priors = (chances.sum(axis=0) + 1.0) / (cells + categories)
        scores = np.tile(np.log(priors), (cells, 1))
        logs = np.log(says)
        for truth in range(categories):
            heard = logs[answers.provider, truth, answers.category]
            scores[:, truth] += sums(answers.cell, heard, cells)
        most = scores.max(axis=1, keepdims=True)
        parts = np.exp(scores - most)
        total = parts.sum(axis=1, keepdims=True)
        chances = _known(parts / total, answers)
        now = float((most + np.log(total)).sum())
        crowd = Crowd(says=says, priors=priors, chances=chances)
        if turn > 6 and abs(now - before) <= _ENOUGH * abs(now):
            break
        before = now
    assert crowd is not None  # noqa: S101 - there is at least one turn
    return crowd


def _known(chances: Floats, answers: Answers) -> Floats:
    fixed = answers.given.sum(axis=1) > 0.0
    return np.where(fixed[:, None], answers.given, chances)


def _coins(answers: Answers, chances: Floats) -> Floats:
    categories = answers.shape[1]
    right = sums(answers.provider, chances[answers.cell, answers.category], answers.providers)
    count = np.bincount(answers.provider, minlength=answers.providers)
    mean = right.sum() / max(1, count.sum())
    accuracy = (right + _COIN_STRENGTH * mean) / (count + _COIN_STRENGTH)
    accuracy = np.clip(accuracy, 1e-3, 1.0 - 1e-3)
    wrong = (1.0 - accuracy) / max(1, categories - 1)
    says = np.repeat(wrong, categories * categories).reshape(-1, categories, categories)
    says[:, np.arange(categories), np.arange(categories)] = accuracy[:, None]
    return says


def _table(answers: Answers, chances: Floats) -> Floats:
    categories = answers.shape[1]
    flat = answers.provider * categories + answers.category
    size = answers.providers * categories
    counts = np.stack(
        [sums(flat, chances[answers.cell, t], size) for t in range(categories)], axis=1
    )
    counts = counts.reshape(answers.providers, categories, categories).transpose(0, 2, 1)
    counts = counts + _SMOOTHING / categories
    return np.asarray(counts / counts.sum(axis=2, keepdims=True), dtype=np.float64)
