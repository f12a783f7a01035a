"""The curves as one picture: cells a second by what grows, and a worker's memory by rows."""

from collections.abc import Mapping
from pathlib import Path

from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

__all__ = ["draw"]

_LINE = "#1b6ca8"
_SHOWN = ("rows", "million", "workers", "providers", "fields")


def draw(curves: Mapping[str, Mapping[str, Mapping[str, float]]], file: Path) -> Path:
    """Draw one small graph for each curve; give the file."""
    shown = [name for name in _SHOWN if name in curves]
    figure = Figure(figsize=(3.2 * max(1, len(shown)), 2.8), layout="constrained")
    for place, name in enumerate(shown, start=1):
        axes = figure.add_subplot(1, len(shown), place)
        points = curves[name]
        axes.plot(
            list(points), [point["cells_a_second"] for point in points.values()], "o-", color=_LINE
        )
        axes.set_ylim(bottom=0)
        axes.set_title(f"cells a second by {name}", fontsize=9)
        axes.spines[["top", "right"]].set_visible(False)
    FigureCanvasSVG(figure).print_svg(str(file), metadata={"Date": None})
    return file
