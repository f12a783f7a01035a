"""Policies that ask about simulated cells, by the code that decides in a run."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from math import log
from random import Random

from enrich.domain.fusion import FieldTrust, Fused, Judge, Tally, TrustState, Verdict, Vote, fuse
from enrich.domain.fusion.habits import Habits
from enrich.domain.fusion.judge import BINS, bin_of
from enrich.domain.learning import Evidence, learn, since_changes
from enrich.domain.learning.habits import Answered, habits_of
from enrich.domain.policy import FusionMethod, FusionPolicy, SelectionPolicy
from enrich.domain.provider import Tier
from enrich.domain.run import Progress
from enrich.domain.selection.budget import allowance, price_factor
from enrich.domain.selection.chooser import Chooser, OpenCell, belief_of
from enrich.domain.selection.gain import Stakes
from tests.benchmarks.quality.simulated_world import FIELDS, SimulatedWorld

__all__ = ["STAKES", "Asked", "Ended", "informed", "play", "waterfall"]

#: A right cell is worth 25 cents, a wrong one costs a dollar, a second a fifth of a cent.
STAKES = Stakes(250_000.0, 1_000_000.0)
POLICY = SelectionPolicy(second_microcredits=2_000.0)
BATCH = 200
VERIFIED = 0.1
#: A state is learned anew after so many cells.
_LEARN_AT = (200, 400, 600, 800)


@dataclass(slots=True)
class Asked:
    """One cell under way: who was asked, what came of it."""

    number: int
    name: str
    asked: list[str] = field(default_factory=list)
    votes: list[Vote] = field(default_factory=list)
    fused: Fused | None = None
    cost: float = 0.0
    waited_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Ended:
    """How a cell ended, in micro-credits."""

    taken: bool
    right: bool
    cost: float
    waited_s: float
    confidence: float
    calls: int
    providers: tuple[str, ...]

    @property
    def gross(self) -> float:
        """What it is worth before what it cost."""
        if not self.taken:
            return 0.0
        return STAKES.worth if self.right else -STAKES.loss

    @property
    def utility(self) -> float:
        """What it is worth after."""
        return self.gross - self.cost - POLICY.second_microcredits * self.waited_s


def play(
    world: SimulatedWorld,
    cells: int,
    *,
    state: TrustState | None = None,
    cap: int | None = None,
    then: tuple[int, TrustState] | None = None,
) -> list[Ended]:
    """Enrich cells batch by batch: with a `state` that stays, or else one that is learned.

    `then`: from that cell on another state is known.
    """
    ended: list[Ended] = []
    learner = _Learner(world)
    judge = Judge(state or TrustState())
    spent = 0.0
    total = -(-cells // BATCH)
    for number in range(total):
        first = number * BATCH
        if then and first >= then[0]:
            judge = Judge(then[1])
        progress = Progress(total=total, ended=number, spent_microcredits=round(spent))
        batch = _batch(world, range(first, min(cells, first + BATCH)), judge, progress, cap)
        spent += sum(one.cost for one in batch)
        ended += [_ended(one) for one in batch]
        if state is None:
            learner.add(batch)
            if learner.is_due(first + BATCH):
                judge = Judge(learner.state())
    return ended


def _batch(
    world: SimulatedWorld,
    numbers: Iterable[int],
    judge: Judge,
    progress: Progress,
    cap: int | None,
) -> list[Asked]:
    chooser = Chooser(judge, POLICY, world.specs)
    cells = [Asked(number, world.field_of(number)) for number in numbers]
    factor, limit = price_factor(progress, cap), allowance(progress, cap)
    waiting = cells
    while waiting:
        waiting = _wave(world, waiting, cells, chooser, judge, factor, limit)
    return cells


def _wave(
    world: SimulatedWorld,
    waiting: Sequence[Asked],
    cells: Sequence[Asked],
    chooser: Chooser,
    judge: Judge,
    factor: float,
    limit: float | None,
) -> list[Asked]:
    chosen = []
    for one in waiting:
        heard = frozenset(judge.family(vote.family) for vote in one.votes)
        able = [spec.name for spec in world.specs if spec.name not in one.asked]
        open_cell = OpenCell(
            field_name=one.name, stakes=STAKES, belief=belief_of(one.fused), heard=heard
        )
        choice = chooser.choose(
            [open_cell],
            able,
            seed=(world.seed, one.number),
            is_first=not one.asked,
            price_factor=factor,
        )
        if choice.asked:
            chosen.append((one, choice))
    if limit is not None:
        left = limit - sum(one.cost for one in cells)
        kept = []
        for one, choice in sorted(chosen, key=lambda c: -c[1].gain / max(1.0, c[1].price)):
            if choice.price <= left:
                left -= choice.price
                kept.append((one, choice))
        chosen = kept
    for one, choice in chosen:
        _ask(world, one, tuple(choice.asked), judge)
    return [one for one, _ in chosen]


def _ask(world: SimulatedWorld, one: Asked, names: Sequence[str], judge: Judge) -> None:
    waits = []
    for name in names:
        said, spec = world.says(one.number, name), world.by_name[name]
        one.asked.append(name)
        waits.append(said.latency_s)
        charged = spec.charge.value == "on_call" or said.value
        one.cost += spec.price_microcredits if charged else 0
        if vote := world.vote(one.number, name):
            one.votes.append(vote)
    one.waited_s += max(waits)
    policy = FusionPolicy(method=FusionMethod.LEARNED, judge=judge)
    one.fused = fuse(one.votes, policy, min_confidence=0.0, field=one.name)


def _ended(one: Asked) -> Ended:
    fused = one.fused
    taken = fused is not None and fused.verdict is Verdict.ACCEPT
    return Ended(
        taken=taken,
        right=fused is not None and fused.value == "right",
        cost=one.cost,
        waited_s=one.waited_s,
        confidence=fused.confidence if fused else 0.0,
        calls=len(one.asked),
        providers=fused.candidates[0].providers if fused else (),
    )


class _Learner:
    """Learns from what was asked, and from the truth of one cell in ten."""

    def __init__(self, world: SimulatedWorld) -> None:
        self._world = world
        self._seen: list[Asked] = []

    def add(self, batch: Sequence[Asked]) -> None:
        self._seen += batch

    def is_due(self, cells: int) -> bool:
        return cells in _LEARN_AT or cells % 400 == 0

    def state(self) -> TrustState:
        evidence, answers = [], []
        for one in self._seen:
            verified = Random(f"{self._world.seed} verified {one.number}").random() < VERIFIED
            right = frozenset({"right"}) if verified else None
            evidence.append(Evidence(field=one.name, votes=one.votes, right=right))
            answers += _answers(self._world, one)
        return replace(learn(since_changes(evidence)), habits=habits_of(answers))


def _answers(world: SimulatedWorld, one: Asked) -> list[Answered]:
    found = []
    for name in one.asked:
        said = world.says(one.number, name)
        found.append(
            Answered(
                provider=name,
                field=one.name,
                confidence=said.confidence if said.value else None,
                latency_s=said.latency_s,
            )
        )
    return found


def informed(world: SimulatedWorld, cells: Iterable[int]) -> TrustState:
    """Give what one knows who has seen all answers to some cells and all their truths."""
    tallies: dict[str, dict[str, list[float]]] = {
        n: defaultdict(lambda: [0.0, 0.0]) for n in FIELDS
    }
    bins: dict[str, list[list[float]]] = defaultdict(
        lambda: [[1.0] * (len(BINS) + 1) for _ in range(2)]
    )
    answers = []
    for number in cells:
        name = world.field_of(number)
        asked = Asked(number, name, asked=[spec.name for spec in world.specs])
        answers += _answers(world, asked)
        for spec in world.specs:
            said = world.says(number, spec.name)
            if said.value:
                tallies[name][spec.name][0 if said.is_right else 1] += 1.0
                bins[spec.name][0 if said.is_right else 1][bin_of(said.confidence)] += 1.0
    habits: Habits = habits_of(answers)
    return TrustState(
        fields={
            name: FieldTrust(tallies={who: Tally(*t) for who, t in some.items()}, spread=3.0)
            for name, some in tallies.items()
        },
        bins={who: _ratios(*two) for who, two in bins.items()},
        habits=habits,
    )


def _ratios(right: Sequence[float], wrong: Sequence[float]) -> tuple[float, ...]:
    return tuple(
        log((r / sum(right)) / (w / sum(wrong))) if r + w > 2.0 else 0.0
        for r, w in zip(right, wrong, strict=True)
    )


def waterfall(world: SimulatedWorld, cells: int) -> list[Ended]:
    """Ask the free and cheap ones at once, then the premium ones until weights agree."""
    ended = []
    policy = FusionPolicy(method=FusionMethod.ENSEMBLE)
    for number in range(cells):
        one = Asked(number, world.field_of(number))
        early = [s.name for s in world.specs if s.tier is not Tier.PREMIUM]
        for names in (early, ["prem1"], ["prem2"]):
            if one.fused is not None and one.fused.verdict is Verdict.ACCEPT:
                break
            _ask(world, one, names, Judge(TrustState()))
            one.fused = fuse(one.votes, policy, min_confidence=0.0, field=one.name)
        ended.append(_ended(one))
    return ended
