"""Fuse again what was recorded, by another policy or version of trust: what would change?"""

from collections import Counter
from dataclasses import dataclass, field, replace

from enrich.domain.fusion import Fused, Verdict, fuse
from enrich.domain.policy import FusionMethod, FusionPolicy
from enrich.domain.table import PERSON
from enrich.domain.values import Json
from enrich.engine.gather import HeardCell, Hearing, heard_cells
from enrich.engine.parts import Parts

__all__ = ["Bucket", "Change", "Replay", "replay"]

_BUCKETS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A cell that would hold another value."""

    row: str
    column: str
    before: Json
    after: Json
    confidence_before: float
    confidence: float


@dataclass(slots=True)
class Bucket:
    """Labelled cells of like confidence: how many, how sure, how many of them right."""

    cells: int = 0
    confidence: float = 0.0
    right: int = 0


@dataclass(slots=True)
class Replay:
    """What a replay found; nothing of it was written, and nobody was asked.

    `calibration` counts labelled cells by confidence in ten equal steps, `accepted` the cells whose
    value would stand, `flags` those to look at, and `labelled_right_before` how many of the
    labelled cells hold the right value as they stand.
    """

    policy: str
    trust: int
    cells: int = 0
    accepted: int = 0
    flags: Counter[str] = field(default_factory=Counter)
    changes: list[Change] = field(default_factory=list)
    changed: int = 0
    labelled: int = 0
    labelled_right: int = 0
    labelled_right_before: int = 0
    squares: float = 0.0
    calibration: list[Bucket] = field(default_factory=lambda: [Bucket() for _ in range(_BUCKETS)])

    @property
    def brier(self) -> float | None:
        """The mean squared distance of confidence from right (1) or wrong (0)."""
        return self.squares / self.labelled if self.labelled else None

    @property
    def calibration_error(self) -> float | None:
        """How far confidence lies from the share that is right, on average over cells."""
        if not self.labelled:
            return None
        apart = (abs(bucket.confidence - bucket.right) for bucket in self.calibration)
        return sum(apart) / self.labelled


def replay(parts: Parts, hearing: Hearing, *, method: FusionMethod) -> Replay:
    """Fuse a table's cells anew from their recorded answers, and compare with what stands there.

    Raises `UnknownNameError`.
    """
    judge = hearing.judge(parts)
    policy = replace(parts.policies.fusion, method=method, judge=judge)
    found = Replay(policy=method.value, trust=judge.state.version)
    for cell in heard_cells(parts, hearing.tenant, hearing.table, hearing.columns):
        fused = _fused(cell, policy)
        if fused is not None:
            _count(found, cell, fused, hearing.shown)
    return found


def _fused(cell: HeardCell, policy: FusionPolicy) -> Fused | None:
    column = cell.column
    return fuse(cell.votes, policy, min_confidence=column.min_confidence, field=column.field)


def _count(found: Replay, cell: HeardCell, fused: Fused, shown: int) -> None:
    found.cells += 1
    found.accepted += fused.verdict is Verdict.ACCEPT
    found.flags.update(flag.value for flag in fused.flags)
    standing = cell.row.data.get(cell.column.key)
    provenance = cell.row.cells.get(cell.column.key)
    is_ours = provenance is not None and provenance.provider != PERSON
    if is_ours and cell.key_of(standing) != cell.key_of(fused.value):
        found.changed += 1
        if len(found.changes) < shown:
            found.changes.append(
                Change(
                    row=cell.row.key,
                    column=cell.column.key,
                    before=standing,
                    after=fused.value,
                    confidence_before=provenance.confidence if provenance else 0.0,
                    confidence=fused.confidence,
                )
            )
    if cell.right is not None:
        _count_labelled(found, cell, fused, cell.right)


def _count_labelled(found: Replay, cell: HeardCell, fused: Fused, right: frozenset[str]) -> None:
    is_right = cell.key_of(fused.value) in right
    found.labelled += 1
    found.labelled_right += is_right
    found.labelled_right_before += cell.key_of(cell.row.data.get(cell.column.key)) in right
    found.squares += (fused.confidence - is_right) ** 2
    bucket = found.calibration[min(_BUCKETS - 1, int(fused.confidence * _BUCKETS))]
    bucket.cells += 1
    bucket.confidence += fused.confidence
    bucket.right += is_right
