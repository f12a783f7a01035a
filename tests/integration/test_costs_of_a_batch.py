"""What a batch costs on the wire: round trips and bytes by phase, to PostgreSQL and to Valkey.

The guide on performance has the same numbers.
"""

import secrets
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pytest
import redis
from sqlalchemy import Connection, Engine, event, text

from enrich.domain.outcome import Found
from enrich.domain.policy import BreakerPolicy, CachePolicy, SingleflightPolicy
from enrich.domain.provider import Answer, ProviderSpec, Query, Tier
from enrich.domain.run import Force, RunOptions, Step
from enrich.domain.table import Column
from enrich.domain.values import Observation
from enrich.engine.beginning import begin_wave
from enrich.engine.carrying import carry
from enrich.engine.fuse import fuse
from enrich.engine.parts import Parts
from enrich.engine.probe import probe
from enrich.engine.submit import RunRequest, submit
from enrich.engine.together import Unit
from enrich.ports import Deadline, NewRow
from enrich.state.breaker import RedisBreakers
from enrich.state.budget_memory import MemoryBudgets
from enrich.state.cache import RedisCache
from enrich.state.governor_memory import MemoryGovernor
from enrich.state.leases import RedisLeases
from enrich.state.link import RedisLink
from enrich.state.metrics_memory import MemoryMetrics
from enrich.store import migrate
from enrich.store.calls import PostgresPaidCalls
from enrich.store.engine import make_engine
from enrich.store.rows import PostgresRowStore
from enrich.store.runs import PostgresRunStore
from providers.base import SystemClock

pytestmark = pytest.mark.servers

T = TypeVar("T")
_FIELDS = ("industry", "sector", "company_description", "headquarters")
#: Around a call, in this order: cache, lease, cache again, leave and report of it, keep, release.
_ASKED = {
    "cache_get": 2,
    "lease_claim": 1,
    "breaker_acquire": 1,
    "breaker_report": 1,
    "cache_put": 1,
    "lease_release": 1,
}


@dataclass
class Counted(RedisLink):
    """A link that counts what goes over it."""

    url: str
    calls: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        super().__init__(self.url, timeout_s=5.0)

    def do(self, work: Callable[[redis.Redis], T]) -> T:
        """Count a command."""
        self.calls["command"] += 1
        return super().do(work)

    def call(self, *command: str | bytes | int) -> Any:
        """Count a command."""
        self.calls["command"] += 1
        return super().call(*command)

    def run(
        self,
        name: str,
        *,
        keys: Sequence[str] = (),
        args: Sequence[Any] = (),
        items: int | None = None,
    ) -> Any:
        """Count a script."""
        self.calls[name] += 1
        return super().run(name, keys=keys, args=args, items=items)


class Sure:
    """A provider that knows all fields of every company."""

    spec = ProviderSpec(
        name="sure",
        version="1",
        tier=Tier.FREE,
        gives=dict.fromkeys(_FIELDS, 0.9),
        inputs=(frozenset({"company_name"}),),
        bulk_size=200,
    )

    def ask(self, queries: Sequence[Query], deadline: Deadline) -> Sequence[Answer]:
        """Know everything at once."""
        seen = {name: Observation(value=f"A {name}", confidence=0.9) for name in _FIELDS}
        return [Answer(outcome=Found(seen)) for _ in queries]


@dataclass(frozen=True)
class Bench:
    """The engine on real servers, and what it sends to them."""

    parts: Parts
    engine: Engine
    link: Counted

    def step(self, rows: int, table: str) -> Step:
        """Store a run of one batch about companies; those of a table's name are the same."""
        columns = [Column(key="company", field="company_name")]
        columns += [Column(key=name, field=name, enriched=True) for name in _FIELDS]
        tenant = f"costs-{secrets.token_hex(4)}"
        self.parts.rows.save_columns(tenant, table, columns)
        companies = (NewRow(key=str(n), data={"company": f"Firm {n}"}) for n in range(rows))
        self.parts.rows.import_rows(tenant, table, companies)
        (step,) = submit(self.parts, RunRequest(tenant=tenant, table=table)).steps
        return step

    @contextmanager
    def counting(self) -> Iterator[list[int]]:
        """Give the bytes of each statement that is sent meanwhile."""
        sent: list[int] = []

        def note(_connection: Connection, cursor: Any, *_: Any) -> None:
            sent.append(len(cursor.query))

        self.link.calls.clear()
        event.listen(self.engine, "after_cursor_execute", note)
        try:
            yield sent
        finally:
            event.remove(self.engine, "after_cursor_execute", note)


@pytest.fixture
def bench(database_url: str, redis_url: str) -> Iterator[Bench]:
    migrate.upgrade(database_url)
    engine, link, clock = make_engine(database_url), Counted(redis_url), SystemClock()
    version = 1 + secrets.randbelow(900_000)
    cache = CachePolicy(version=version)
    with ThreadPoolExecutor(1) as calls:
        parts = Parts(
            rows=PostgresRowStore(engine),
            runs=PostgresRunStore(engine),
            paid=PostgresPaidCalls(engine),
            providers={"sure": Sure()},
            responses=RedisCache(link, "response", cache),
            cells=RedisCache(link, "cell", cache),
            leases=RedisLeases(link, SingleflightPolicy(), version=version),
            breakers=RedisBreakers(
                link, BreakerPolicy(), clock=clock, recorder=MemoryMetrics(), version=version
            ),
            governor=MemoryGovernor(clock=clock),
            budgets=MemoryBudgets(clock=clock),
            recorder=MemoryMetrics(),
            clock=clock,
            calls=calls,
        )
        yield Bench(parts, engine, link)
    link.close()
    engine.dispose()


@pytest.mark.parametrize("rows", [20, 200])
def test_a_probe_of_a_batch_is_two_statements_and_one_command_a_step(
    bench: Bench, rows: int
) -> None:
    step = bench.step(rows, "t")

    with bench.counting() as sent:
        probe(bench.parts, step, "sure")

    assert len(sent) == 2
    assert sent[1] < 4_000 + 500 * rows
    assert bench.link.calls == _ASKED


@pytest.mark.parametrize("rows", [20, 200])
def test_the_fusion_of_a_batch_is_two_statements_and_one_command(bench: Bench, rows: int) -> None:
    step = bench.step(rows, "t")
    probe(bench.parts, step, "sure")

    with bench.counting() as sent:
        fuse(bench.parts, step)

    assert len(sent) == 2
    assert sent[1] < 2_000 + 1_500 * rows
    assert bench.link.calls == {"command": 1}


def test_a_small_run_writes_its_answers_with_its_cells_in_one_statement(bench: Bench) -> None:
    step = bench.step(5, "t")
    batch = bench.parts.runs.open(step.batch, lease_s=60)
    assert batch is not None
    unit = Unit(batch=batch, callers=(), began_s=0.0)

    with bench.counting() as sent, ThreadPoolExecutor(1) as pool:
        carried = carry(bench.parts, unit, pool)

    assert len(sent) == 1
    assert carried.finished is not None
    assert len(bench.parts.runs.evidence(step.tenant, "t", "1")) == 1


def test_what_is_cached_is_read_by_one_command_and_asked_of_nobody(bench: Bench) -> None:
    step = bench.step(20, "t")
    probe(bench.parts, step, "sure")
    columns = bench.parts.rows.table(step.tenant, "t").columns
    bench.parts.rows.save_columns(step.tenant, "again", columns)
    companies = [NewRow(key=str(n), data={"company": f"Firm {n}"}) for n in range(20)]
    bench.parts.rows.import_rows(step.tenant, "again", companies)
    (again,) = submit(bench.parts, RunRequest(tenant=step.tenant, table="again")).steps

    with bench.counting() as sent:
        probe(bench.parts, again, "sure")

    assert len(sent) == 2
    assert bench.link.calls == {"cache_get": 1}


def test_a_batch_that_is_cached_is_two_statements_with_its_fusion(bench: Bench) -> None:
    step = bench.step(200, "t")
    probe(bench.parts, step, "sure")
    fuse(bench.parts, step)
    forced = RunOptions(force=Force.CELLS)
    request = RunRequest(tenant=step.tenant, table="t", options=forced)
    (again,) = submit(bench.parts, request).steps

    with bench.counting() as sent:
        begun = begin_wave(bench.parts, again)

    assert begun.finished is not None
    assert len(sent) == 2
    # A sample first, then the rest; and the cells that others have cached.
    assert bench.link.calls == {"cache_get": 2, "command": 1}


def test_to_begin_a_batch_of_which_nothing_is_cached_is_a_statement_and_a_command(
    bench: Bench,
) -> None:
    step = bench.step(200, "t")

    with bench.counting() as sent:
        (probes,) = begin_wave(bench.parts, step).steps

    assert (probes.is_begun, len(sent), bench.link.calls) == (True, 1, {"cache_get": 1})


def test_a_probe_of_a_wave_that_was_begun_looks_up_once(bench: Bench) -> None:
    step = bench.step(20, "t")
    (probes,) = begin_wave(bench.parts, step).steps

    with bench.counting() as sent:
        probe(bench.parts, probes, "sure")

    assert len(sent) == 2
    assert bench.link.calls == {**_ASKED, "cache_get": 1}


def test_what_was_said_in_a_run_goes_with_the_run(bench: Bench) -> None:
    step = bench.step(5, "t")
    probe(bench.parts, step, "sure")
    left = text("SELECT count(*) FROM responses WHERE run_id = :run")

    with bench.engine.begin() as connection:
        run = {"run": step.batch.run_id}
        before = connection.execute(left, run).scalar_one()
        connection.execute(text("SET LOCAL enrich.purge = 'on'"))
        connection.execute(text("DELETE FROM runs WHERE id = :run"), run)
        after = connection.execute(left, run).scalar_one()

    assert (before, after) == (5, 0)
