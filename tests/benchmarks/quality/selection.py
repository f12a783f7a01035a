"""What a policy that learns earns beside one that knows the providers' hidden parameters."""

from collections.abc import Sequence
from pathlib import Path
from statistics import mean

from tests.benchmarks.quality.measures import Goal, Measured, measured
from tests.benchmarks.quality.policies import Ended, informed, play, waterfall
from tests.benchmarks.quality.simulated_world import SimulatedWorld

__all__ = ["budgets", "drifts", "earnings"]

Result = tuple[list[Measured], list[Goal]]
_WORLDS = (0, 1, 2, 3, 4, 5)
_BUDGET_WORLDS, _DRIFT_WORLDS = (0, 1, 3), (0, 1, 3)
_CELLS = 10_000
#: Cells from which the parameters are read, none of which is enriched.
_SHOWN = range(100_000, 106_000)


def earnings(_folder: Path | None = None) -> Result:
    """Learn from one verified cell in ten, world by world."""
    figures, goals = [], []
    for number in _WORLDS:
        world = SimulatedWorld(number)
        known = play(world, _CELLS, state=informed(world, _SHOWN))
        learned = play(world, _CELLS)
        fixed = mean(one.utility for one in waterfall(world, 2_000))
        figures.append(_figure(f"selection world {number}", learned))
        best = mean(one.utility for one in known)
        goals += [
            Goal(f"world {number}: utility of the informed, cells 1,000-2,000",
                 _share(learned, known, 1_000, 2_000), 0.80),
            Goal(f"world {number}: the same, cells 5,000-10,000",
                 _share(learned, known, 5_000, _CELLS), 0.93),
            Goal(f"world {number}: agreeing waterfall, of the informed (for comparison)",
                 fixed / best, -99.0),
        ]  # fmt: skip
    return figures, goals


def budgets(_folder: Path | None = None) -> Result:
    """Give half of what the informed policy spends, to it and to the one that learns."""
    goals = []
    for number in _BUDGET_WORLDS:
        world = SimulatedWorld(number)
        state = informed(world, _SHOWN)
        free = play(world, _CELLS, state=state)
        cap = round(sum(one.cost for one in free) / 2)
        for name, some in (("informed", play(world, _CELLS, state=state, cap=cap)),
                           ("learned", play(world, _CELLS, cap=cap))):  # fmt: skip
            gross = sum(one.gross for one in some) / sum(one.gross for one in free)
            spent = sum(one.cost for one in some) / cap
            label = f"world {number}, half the budget, {name}"
            goals += [
                Goal(f"{label}: gross value", gross, 0.70),
                Goal(f"{label}: spend off the cap", abs(spent - 1.0), 0.03, at_most=True),
            ]
    return [], goals


def drifts(_folder: Path | None = None) -> Result:
    """Let a provider turn bad at half time."""
    goals = []
    half = _CELLS // 2
    for number in _DRIFT_WORLDS:
        world = SimulatedWorld(number, turns_bad_at=half)
        before = informed(SimulatedWorld(number), _SHOWN)
        known = play(world, half + 2_000, state=before, then=(half, informed(world, _SHOWN)))
        learned = play(world, half + 2_000)
        goals.append(
            Goal(f"world {number}: {world.turning} turns bad, next 2,000 cells",
                 _share(learned, known, half, half + 2_000), 0.88)
        )  # fmt: skip
    return [], goals


def _share(some: Sequence[Ended], known: Sequence[Ended], first: int, last: int) -> float:
    own = sum(one.utility for one in some[first:last])
    return own / sum(one.utility for one in known[first:last])


def _figure(name: str, some: Sequence[Ended]) -> Measured:
    settled = [(one.confidence, one.right) for one in some[1_000:] if one.calls and one.providers]
    return measured(name, settled)
