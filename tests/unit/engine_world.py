"""The engine over the in-memory twins of all ports, with providers that follow a script."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace

from enrich.domain.outcome import NotFound, Outcome
from enrich.domain.policy import (
    BreakerPolicy,
    BudgetPolicy,
    CachePolicy,
    RunPolicy,
    SingleflightPolicy,
)
from enrich.domain.provider import Answer, ProviderSpec, Query
from enrich.domain.run import RunOptions, Step
from enrich.domain.table import Column, Row
from enrich.domain.values import Json
from enrich.engine.local import LocalRunner
from enrich.engine.parts import Parts, Policies
from enrich.engine.submit import RunRequest, submit
from enrich.engine.trustbook import TrustBook
from enrich.ports import Deadline, NewRow, RunSummary
from enrich.state.breaker_memory import MemoryBreakers
from enrich.state.budget_memory import MemoryBudgets
from enrich.state.cache_memory import MemoryCache
from enrich.state.governor_memory import MemoryGovernor
from enrich.state.leases_memory import MemoryLeases
from enrich.store.memory import MemoryDatabase, MemoryRowStore
from enrich.store.memory_calls import MemoryPaidCalls
from enrich.store.memory_runs import MemoryRunStore
from enrich.store.trust_memory import MemoryTrustStore
from tests.asking import HandClock
from tests.unit.batches import COMPANY, DOMAIN, EMAIL

Script = Mapping[str, Outcome] | Callable[[Query], Outcome]


class Scripted:
    """A provider that answers by the value of its first input; it remembers what it was asked."""

    def __init__(self, spec: ProviderSpec, script: Script) -> None:
        self.spec, self._script = spec, script
        self.asked: list[str] = []

    def ask(self, queries: Sequence[Query], deadline: Deadline) -> Sequence[Answer]:
        """Follow the script; what it does not know is not found."""
        return [Answer(outcome=self._answer(query), latency_s=0.1) for query in queries]

    def _answer(self, query: Query) -> Outcome:
        first = str(next(iter(query.inputs.values())))
        self.asked.append(first)
        if callable(self._script):
            return self._script(query)
        return self._script.get(first, NotFound())


class Counts:
    """A recorder that counts by name."""

    def __init__(self) -> None:
        self.totals: Counter[str] = Counter()

    def count(self, name: str, amount: int = 1, labels: Mapping[str, str] | None = None) -> None:
        """Add."""
        self.totals[name] += amount

    def observe(
        self,
        name: str,
        seconds: float,
        labels: Mapping[str, str] | None = None,
        *,
        times: int = 1,
    ) -> None:
        """Count the observation."""
        self.totals[name] += times


@dataclass(frozen=True)
class World:
    """All of it, with one table `t` of rows that have an e-mail address."""

    parts: Parts
    runner: LocalRunner
    clock: HandClock
    database: MemoryDatabase

    def submit(self, **options: object) -> tuple[int, tuple[Step, ...]]:
        """Begin a run over all rows without doing anything yet."""
        request = RunRequest(table="t", options=replace(RunOptions(), **options))  # type: ignore[arg-type] # by name
        begun = submit(self.parts, request)
        return begun.run.id, begun.steps

    def run(self, **options: object) -> RunSummary:
        """Run over all rows to the end."""
        run_id, steps = self.submit(**options)
        self.runner.run(steps, patience_s=0)
        return self.parts.runs.summary("default", run_id)

    def row(self, key: str = "r1") -> Row:
        """Read one row."""
        (row,) = self.parts.rows.read("default", "t", [key])
        return row

    def value(self, column: str, key: str = "r1") -> Json:
        """Read one value."""
        return self.row(key).data.get(column)


@contextmanager
def world(
    *providers: Scripted,
    emails: Sequence[str] = ("a@acme.com",),
    columns: tuple[Column, ...] = (EMAIL, DOMAIN, COMPANY),
    runs: RunPolicy | None = None,
    cache: CachePolicy | None = None,
    budgets: BudgetPolicy | None = None,
) -> Iterator[World]:
    """Build the world, and take its threads down at the end."""
    clock = HandClock()
    database = MemoryDatabase(now=clock.now)
    cache, flights = cache or CachePolicy(), SingleflightPolicy()
    recorder = Counts()
    with ThreadPoolExecutor(4) as calls, ThreadPoolExecutor(4) as probes:
        parts = Parts(
            rows=MemoryRowStore(database),
            runs=MemoryRunStore(database),
            trust=TrustBook(MemoryTrustStore(database), clock),
            paid=MemoryPaidCalls(database),
            providers={provider.spec.name: provider for provider in providers},
            responses=MemoryCache("response", cache, clock=clock, draw=lambda: 0.5),
            cells=MemoryCache("cell", cache, clock=clock, draw=lambda: 0.5),
            leases=MemoryLeases(flights, clock=clock),
            breakers=MemoryBreakers(BreakerPolicy(), clock=clock, recorder=recorder),
            governor=MemoryGovernor(clock=clock),
            budgets=MemoryBudgets(clock=clock),
            recorder=recorder,
            clock=clock,
            calls=calls,
            policies=Policies(
                cache=cache,
                runs=runs or RunPolicy(batch_rows=2, max_wait_s=0),
                budgets=budgets or BudgetPolicy(),
            ),
        )
        parts.rows.save_columns("default", "t", columns)
        rows = [NewRow(key=f"r{i}", data={"email": e}) for i, e in enumerate(emails, start=1)]
        parts.rows.import_rows("default", "t", rows)
        yield World(parts, LocalRunner(parts, probes), clock, database)
