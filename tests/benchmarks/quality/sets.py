"""The sets and worlds: each gives what was measured and which goals that meets."""

import gc
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random
from statistics import mean

from enrich.domain.ballots import fuse_cell
from enrich.domain.fusion import FieldTrust, Judge, Tally, TrustState, fuse
from enrich.domain.learning import Evidence, learn
from enrich.domain.policy import FusionMethod, FusionPolicy
from enrich.domain.table import Column
from tests.benchmarks.quality.measures import Goal, Measured, measured
from tests.benchmarks.quality.reading import Cell, claims_of, crowd_of, flight_cells, response, vote

__all__ = ["companies", "crowds", "flights", "resale", "speed"]

Result = tuple[list[Measured], list[Goal]]
_COMPANY_FIELDS = {
    "name": "company_name",
    "assets": "revenue",
    "founded": "founded",
    "industry": "industry",
}
_LABELS, _DRAWS = 100, 10


def _judged(cells: Sequence[Cell], state: TrustState) -> list[tuple[float, bool]]:
    policy = FusionPolicy(method=FusionMethod.LEARNED, judge=Judge(state))
    judged = []
    for cell in cells:
        fused = fuse(cell.votes, policy, min_confidence=0.0, field=cell.field)
        if fused is not None:
            judged.append((fused.confidence, fused.candidates[0].key in cell.right))
    return judged


def _labelled(cells: Sequence[Cell]) -> list[Evidence]:
    return [Evidence(field=c.field, votes=c.votes, right=c.right) for c in cells]


def _unlabelled(cells: Sequence[Cell]) -> list[Evidence]:
    return [Evidence(field=c.field, votes=c.votes) for c in cells]


def flights(folder: Path) -> Result:
    """Learn on the first nine days of the calendar, fuse the others."""
    cells = flight_cells(folder)
    first = min(int(cell.name[:8]) for cell in cells)
    early = [cell for cell in cells if int(cell.name[:8]) < first + 9]
    late = [cell for cell in cells if int(cell.name[:8]) >= first + 9]
    full = measured("flights", _judged(late, learn(_labelled(early))))
    few = []
    for seed in range(_DRAWS):
        drawn = sorted(Random(seed).sample(range(len(early)), _LABELS))
        state = learn(_labelled([early[i] for i in drawn]))
        few.append(measured(f"flights 100 labels {seed}", _judged(late, state)))
    free = measured("flights label-free", _judged(late, learn(_unlabelled(early))))
    goals = [
        Goal("flights: right", full.accuracy, 0.97),
        Goal("flights: right with 100 labels, mean", mean(f.accuracy for f in few), 0.955),
        Goal("flights: right with 100 labels, least", min(f.accuracy for f in few), 0.955),
        Goal("flights: calibration error", full.calibration_error, 0.02, at_most=True),
        Goal("flights: Brier", full.brier, 0.027, at_most=True),
        Goal("flights: cells with confidence 0.8 or more", full.sure, 0.90),
        Goal("flights: right among them", full.sure_right, 0.98),
    ]
    return [full, *few, free], goals


def crowds(folder: Path) -> Result:
    """Learn from answers alone, and fuse the same cells."""
    found = []
    for one in sorted(path for path in folder.iterdir() if (path / "label.csv.gz").exists()):
        cells = crowd_of(one)
        found.append(measured(f"crowd {one.name}", _judged(cells, learn(_unlabelled(cells)))))
    return found, []


def companies(folder: Path) -> Result:
    """Fuse the cells of companies, without labels, after normalising."""
    cells = claims_of(folder, _COMPANY_FIELDS)
    one = measured("companies", _judged(cells, learn(_unlabelled(cells))))
    return [one], [Goal("companies: right after normalising", one.accuracy, 0.84)]


def resale(_folder: Path | None = None) -> Result:
    """Make worlds in which two repeat a third, and look at cells that only these three back."""
    found, goals = [], []
    for seed in range(4):
        cells = list(_resale_world(seed, 6000))
        state = learn([*_labelled(cells[:2000]), *_unlabelled(cells[2000:3000])])
        alone = [cell for cell in cells[3000:] if _backed_by_kin(cell, state)]
        one = measured(f"resale {seed}", _judged(alone, state))
        sure = sum(c * n for n, c, _ in one.bins) / one.cells
        found.append(one)
        name = f"resale world {seed}: confidence off by, {one.cells} cells"
        goals.append(Goal(name, abs(sure - one.accuracy), 0.05, at_most=True))
    return found, goals


def _backed_by_kin(cell: Cell, state: TrustState) -> bool:
    policy = FusionPolicy(method=FusionMethod.LEARNED, judge=Judge(state))
    fused = fuse(cell.votes, policy, min_confidence=0.0, field=cell.field)
    return fused is not None and set(fused.candidates[0].providers) <= {"p0", "p1", "p2"}


def _resale_world(seed: int, size: int) -> Sequence[Cell]:
    """Six providers of hidden accuracy; p1 and p2 repeat p0 seven times in ten."""
    draw = Random(1000 + seed)
    accuracy = [draw.uniform(0.6, 0.92) for _ in range(6)]
    cells = []
    for number in range(size):
        own = ["right" if draw.random() < a else f"w{int(draw.expovariate(0.7))}" for a in accuracy]
        for copier in (1, 2):
            own[copier] = own[0] if draw.random() < 0.7 else own[copier]
        asked = [i for i in range(6) if draw.random() < 0.75]
        votes = tuple(vote(f"p{i}", own[i], own[i]) for i in asked)
        if votes:
            cells.append(Cell(name=str(number), field="f", votes=votes, right=frozenset({"right"})))
    return cells


def speed(_folder: Path | None = None, *, size: int = 1_000_000) -> Result:
    """Normalise and fuse typed observations on one core; counts processor time."""
    draw = Random(1)
    values = {
        "city": [f"City {n}" for n in range(5000)],
        "employees": [f"{n:,}" for n in range(1000, 60_000, 11)],
        "domain": [f"https://www.firm{n}.com/" for n in range(5000)],
        "country": ["Germany", "Deutschland", "FRA", "France", "USA", "United Kingdom", "JP"],
    }
    names = [f"p{number}" for number in range(8)]
    tallies = {name: Tally(80.0 - 4 * i, 20.0 + 4 * i) for i, name in enumerate(names)}
    state = TrustState(fields={field: FieldTrust(tallies=tallies) for field in values})
    policy = FusionPolicy(method=FusionMethod.LEARNED, judge=Judge(state))
    columns = [Column(key=field, field=field, min_confidence=0.0) for field in sorted(values)]
    cells = []
    for _ in range(size // 5):
        column = draw.choice(columns)
        best = draw.choice(values[column.field])
        said = [response(name, column.field,
                         best if draw.random() < 0.8 else draw.choice(values[column.field]))
                for name in draw.sample(names, 5)]  # fmt: skip
        cells.append((column, said))
    # The million that waits here is none of the fuser's: a worker holds a batch at a time.
    gc.collect()
    gc.freeze()
    begun_s = time.process_time()
    for column, said in cells:
        fuse_cell(column, said, {}, policy)
    took_s = time.process_time() - begun_s
    gc.unfreeze()
    rate = sum(len(said) for _, said in cells) / took_s
    return [], [Goal("observations a second on one core", rate, 100_000)]
