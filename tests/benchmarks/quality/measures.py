"""What is measured of fused cells, and how it is drawn."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

__all__ = ["Goal", "Measured", "draw", "measured"]

_BINS = 10


@dataclass(frozen=True, slots=True)
class Goal:
    """What a number is to reach: at least, or at most."""

    name: str
    value: float
    bound: float
    at_most: bool = False

    @property
    def is_met(self) -> bool:
        """Whether it does."""
        return self.value <= self.bound if self.at_most else self.value >= self.bound


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Numbers of one set of cells; `sure` are those with a confidence of 0.8 or more.

    `bins` holds by tenth of confidence the cells, their mean confidence and the share right.
    """

    name: str
    cells: int
    accuracy: float
    calibration_error: float
    brier: float
    sure: float
    sure_right: float
    bins: tuple[tuple[int, float, float], ...]


def measured(name: str, judged: Sequence[tuple[float, bool]]) -> Measured:
    """Measure cells, given as their confidence and whether the chosen value is right."""
    confidence = np.array([one for one, _ in judged])
    right = np.array([float(one) for _, one in judged])
    place = np.minimum((confidence * _BINS).astype(int), _BINS - 1)
    bins = tuple(
        (int(mine.sum()), float(confidence[mine].mean()), float(right[mine].mean()))
        for mine in (place == number for number in range(_BINS))
        if mine.any()
    )
    sure = confidence >= 0.8
    return Measured(
        name=name,
        cells=len(judged),
        accuracy=float(right.mean()),
        calibration_error=sum(n * abs(c - r) for n, c, r in bins) / len(judged),
        brier=float(((confidence - right) ** 2).mean()),
        sure=float(sure.mean()),
        sure_right=float(right[sure].mean()) if sure.any() else 0.0,
        bins=bins,
    )


def draw(one: Measured, folder: Path) -> Path:
    """Write a reliability diagram as SVG: share right over confidence, areas by cells."""
    folder.mkdir(parents=True, exist_ok=True)
    most = max(cells for cells, _, _ in one.bins)
    dots = "".join(
        f'<circle cx="{40 + 300 * confidence:.1f}" cy="{340 - 300 * right:.1f}" '
        f'r="{3 + 12 * (cells / most) ** 0.5:.1f}" fill="#36c" fill-opacity="0.6">'
        f"<title>{cells} cells, confidence {confidence:.3f}, right {right:.3f}</title></circle>"
        for cells, confidence, right in one.bins
    )
    text = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 380 390" font-family="sans-serif" '
        'font-size="11"><rect width="380" height="390" fill="#fff"/>'
        '<path d="M40 340L340 40" stroke="#999" stroke-dasharray="4"/>'
        '<path d="M40 40V340H340" fill="none" stroke="#000"/>'
        f'{dots}<text x="40" y="24">{one.name}: {one.accuracy:.3f} right, calibration error '
        f'{one.calibration_error:.3f}</text><text x="150" y="372">confidence</text>'
        '<text x="14" y="230" transform="rotate(-90 14 230)">share right</text></svg>\n'
    )
    file = folder / f"reliability-{one.name.replace(' ', '-')}.svg"
    file.write_text(text, encoding="utf-8")
    return file
