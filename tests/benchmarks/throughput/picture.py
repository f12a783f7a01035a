"""The figures as a picture: how many cells a second each way manages, on a logarithmic scale."""

from collections.abc import Mapping
from pathlib import Path

from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

__all__ = ["draw"]

_OURS, _THEIRS = "#1b6ca8", "#b9c0c7"


def draw(rates: Mapping[str, float], ours: frozenset[str], file: Path, *, note: str) -> Path:
    """Draw one bar for each way, the quickest on top; give the file."""
    ordered = sorted(rates.items(), key=lambda pair: pair[1])
    figure = Figure(figsize=(8.5, 0.5 * len(ordered) + 1.3), layout="constrained")
    axes = figure.subplots()
    bars = axes.barh(
        [name for name, _ in ordered],
        [rate for _, rate in ordered],
        color=[_OURS if name in ours else _THEIRS for name, _ in ordered],
    )
    axes.bar_label(bars, labels=[f"{rate:,.0f}" for _, rate in ordered], padding=4)
    axes.set_xscale("log")
    axes.margins(x=0.15)
    axes.set_xlabel(f"cells a second · {note}")
    axes.spines[["top", "right"]].set_visible(False)
    FigureCanvasSVG(figure).print_svg(str(file), metadata={"Date": None})
    return file
