"""Runs of a real worker over providers of the catalogue, which a simulator plays."""

import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from celery import Celery, exceptions
from celery.result import AsyncResult

from enrich.domain.normalise import normaliser_of_field
from enrich.domain.table import Column
from enrich.domain.values import JsonObject
from enrich.embedded import celery_url
from enrich.ports import NewRow
from providers.simulator import Arrival, Behaviour, Fault, Simulator
from providers.spec import HttpSpec, load_catalogue
from tests.integration.nodes import WorkerProcess, in_database
from tests.integration.worker_fixtures import World
from tests.waiting import eventually

__all__ = ["SPECS", "Line", "Tally", "VendorRun", "VendorWorld", "person", "vendor_world"]

SPECS: Mapping[str, HttpSpec] = {spec.name: spec for spec in load_catalogue()}
#: A broker of these runs' own: the session's worker shall not take their tasks.
_BROKER = 14
_SWEPT_EVERY_S = 15.0
_TYPED = {
    "email": "email",
    "ip": "ip_address",
    "phone": "phone",
    "org": "no_org_number",
    "site": "domain",
    "first": "first_name",
    "last": "last_name",
}
#: Says that nobody knows, of a provider that was asked and could tell.
_SAYS_NOTHING = frozenset({"found", "not_found", "invalid_input", "legal_block"})
_SAYS_LATER = frozenset({"pending", "rate_limited"})


def person(number: int) -> JsonObject:
    """Give a row with which every provider can be asked, unlike any other."""
    return {
        "email": f"person{number}@firm{number}.example",
        "ip": f"8.{number // 62_500}.{number // 250 % 250}.{number % 250 + 1}",
        "phone": f"+4930{100_000 + number}",
        "org": str(910_000_000 + number),
        "site": f"firm{number}.example",
        "first": "Ada",
        "last": f"Example {number}",
    }


#: What each provider takes its price for, by its own words.
_CHARGED = {
    # A record that came whole is one, also when it is another company's or of a wrong type.
    name: {"found", "malformed"}
    if spec.price.charge == "on_hit"
    else {"found", "not_found", "invalid_input", "legal_block", "malformed"}
    for name, spec in SPECS.items()
}
_WHOLE = frozenset({Fault.NONE, Fault.LIE})
_CAME = frozenset({Fault.CORRUPT, Fault.WRONG_TYPE})


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the ledger, as the database holds it."""

    row: str
    provider: str
    kind: str
    outcome: Mapping[str, Any]
    cost: int
    calls: int

    def value(self, name: str) -> Any:
        """Give what was observed of a field; None when nothing was."""
        seen = self.outcome.get("observations", {}).get(name)
        return seen[0] if seen else None


@dataclass(frozen=True, slots=True)
class VendorRun:
    """A run that has ended: its summary, lines of the ledger, and cells by row and column."""

    summary: Mapping[str, Any]
    took_s: float
    lines: Sequence[Line]
    cells: Mapping[tuple[str, str], Mapping[str, Any]]
    values: Mapping[str, JsonObject]

    def of(self, provider: str) -> list[Line]:
        """Give the lines about one provider."""
        return [line for line in self.lines if line.provider == provider]

    def calls(self, provider: str) -> int:
        """Count the calls to a provider."""
        return sum(line.calls for line in self.of(provider))

    def charged(self, provider: str) -> int:
        """Sum up what the ledger says that a provider was paid, in micro-credits."""
        return sum(line.cost for line in self.of(provider))

    def unruly_charges(self) -> list[str]:
        """Name the lines that cost what the provider's rule does not charge."""
        return [
            f"{line.row} by {line.provider}: {line.cost} for {line.kind}"
            for line in self.lines
            if line.cost not in {0, SPECS[line.provider].provider_spec.price_microcredits}
            or (line.cost and line.kind not in _CHARGED[line.provider])
        ]

    def untrue(self) -> list[str]:
        """Name the cells whose state does not follow from what the ledger says."""
        said: dict[str, list[Line]] = {}
        for line in self.lines:
            said.setdefault(line.row, []).append(line)
        return [
            f"{row}.{column} is {cell['state']}"
            for (row, column), cell in self.cells.items()
            if not _follows(cell, column, self.values[row].get(column), said.get(row, []))
        ]


def _follows(cell: Mapping[str, Any], column: str, value: Any, said: Sequence[Line]) -> bool:
    able = [line for line in said if column in SPECS[line.provider].response.fields]
    last = {line.provider: line.kind for line in able}
    known = {line.provider: line.value(column) for line in able if line.value(column) is not None}
    match cell["state"]:
        case "filled":
            written = normaliser_of_field(column).normalise(known.get(cell["provider"])).display
            return value is not None and written == value
        case "not_found":
            return value is None and not known and set(last.values()) <= _SAYS_NOTHING
        case "failed" | "skipped":
            return value is None and not known and not set(last.values()) <= _SAYS_NOTHING
        case _:
            return bool(cell.get("retry_at")) and bool(set(last.values()) & _SAYS_LATER)


@dataclass(frozen=True, slots=True)
class Tally:
    """What vendors were asked, as they counted it; one less another is what came between."""

    arrivals: tuple[Arrival, ...]

    def __sub__(self, before: "Tally") -> "Tally":
        return Tally(self.arrivals[len(before.arrivals) :])

    @property
    def calls(self) -> dict[str, int]:
        """Count calls by vendor."""
        return dict(Counter(vendor for vendor, _ in {(a.vendor, a.call) for a in self.arrivals}))

    @property
    def charged_microcredits(self) -> Counter[str]:
        """Sum up by vendor what was charged, whether we could know of it or not."""
        sums: Counter[str] = Counter()
        for each in self.arrivals:
            sums[each.vendor] += each.charged_microcredits
        return sums

    @property
    def heard_microcredits(self) -> dict[str, int]:
        """Sum up by vendor what was charged for and reached us as far as the rule asks.

        A hit that was spoilt on its way is none that we know of; a call is one if an answer came.
        """
        sums = dict.fromkeys({each.vendor for each in self.arrivals}, 0)
        for each in self.arrivals:
            on_call = SPECS[each.vendor].price.charge == "on_call"
            if each.fault in _WHOLE or (on_call and each.fault in _CAME):
                sums[each.vendor] += each.charged_microcredits
        return sums


@dataclass(frozen=True, slots=True)
class VendorWorld:
    """A worker, the simulator that its providers are, and the database between."""

    world: World
    simulator: Simulator
    app: Celery

    def run(
        self, rows: Sequence[JsonObject], columns: Sequence[str], *, timeout_s: float = 200
    ) -> VendorRun:
        """Enrich the columns of a new table with these rows; give what came of it."""
        table = f"people_{secrets.token_hex(4)}"
        typed = [Column(key=key, field=name) for key, name in _TYPED.items()]
        wanted = [Column(key=key, field=key, enriched=True) for key in columns]
        self.world.rows.save_columns("default", table, [*typed, *wanted])
        new = [NewRow(key=f"row_{n:04d}", data=row) for n, row in enumerate(rows)]
        self.world.rows.import_rows("default", table, new)
        started_s = time.monotonic()
        sent = self.app.send_task("enrich.table", (table, list(columns)), queue="enrich.ingest")
        assert eventually(lambda: self._has_ended(sent), within_s=timeout_s), "the run goes on"
        summary = sent.get()
        return self._ended(summary, time.monotonic() - started_s, columns)

    def _has_ended(self, sent: AsyncResult[Any]) -> bool:
        """Wait for a while; then do what the scheduler does as often."""
        with suppress(exceptions.TimeoutError):
            sent.get(timeout=_SWEPT_EVERY_S, propagate=False)
            return True
        self.app.send_task("enrich.sweep", queue="enrich.control", ignore_result=True)
        return False

    def tally(self) -> "Tally":
        """Count what the vendors were asked so far."""
        return Tally(self.simulator.ledger.arrivals())

    def _ended(
        self, summary: Mapping[str, Any], took_s: float, columns: Sequence[str]
    ) -> VendorRun:
        run_id = summary["run_id"]
        lines = self.world.all(
            "SELECT r.key, s.provider, s.kind, s.outcome, s.cost_microcredits, s.calls "
            "FROM responses s JOIN rows r ON r.id = s.row_id WHERE s.run_id = :run ORDER BY s.id",
            run=run_id,
        )
        rows = self.world.all(
            "SELECT r.key, r.data, r.cells FROM rows r JOIN runs u ON u.table_id = r.table_id "
            "WHERE u.id = :run",
            run=run_id,
        )
        cells = {(key, name): own[name] for key, _, own in rows for name in columns}
        values = {key: data for key, data, _ in rows}
        return VendorRun(summary, took_s, [Line(*line) for line in lines], cells, values)


@contextmanager
def vendor_world(
    world: World,
    redis_url: str,
    environment: Mapping[str, str],
    start_worker: Callable[..., WorkerProcess],
    each: Mapping[str, Behaviour],
    **settings: str,
) -> Iterator[VendorWorld]:
    """Start a simulator of these vendors, and a worker that asks nobody else."""
    broker = in_database(redis_url, _BROKER)
    credentials = {SPECS[name].credential for name in each} - {None}
    with Simulator([SPECS[name] for name in each], each=each) as simulator:
        own = {
            **environment,
            "ENRICH_BROKER__URL": broker,
            "ENRICH_CACHE__VERSION": str(1 + secrets.randbelow(900_000)),
            "ENRICH_PROVIDERS__NAMES": ",".join(each),
            "ENRICH_PROVIDERS__CATALOGUE": "true",
            "ENRICH_PROVIDERS__BASE_URL": simulator.url,
            "ENRICH_PROVIDERS__CONTACT": "tests@example.com",
            "ENRICH_PROBES__TIMEOUT_SECONDS": "10",
            "ENRICH_RUNS__BATCH_ROWS": "200",
            "ENRICH_BREAKER__ENABLED": "true",
            # A flaky provider is asked on; one that is down is not.
            "ENRICH_BREAKER__FAILURE_RATE": "0.6",
            **{f"ENRICH_CREDENTIALS__{str(name).upper()}": "sesame" for name in credentials},
            **settings,
        }
        worker = start_worker(f"vendors{secrets.token_hex(2)}", own)
        worker.ready()
        app = Celery(broker=celery_url(broker), backend=celery_url(broker))
        try:
            yield VendorWorld(world, simulator, app)
        finally:
            app.close()
            worker.teardown()
