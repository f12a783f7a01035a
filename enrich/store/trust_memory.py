"""Versions of trust and labels in memory, with the meaning of those in PostgreSQL."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from enrich.domain.fusion.encoding import trust_from_json, trust_to_json
from enrich.domain.fusion.habits import Habits
from enrich.domain.fusion.trust import TrustState
from enrich.domain.learning.habits import Answered, ageing_of, habits_of
from enrich.domain.outcome import Found, NotFound
from enrich.domain.run import Response
from enrich.errors import UnknownNameError
from enrich.ports.trust import Label, TrustNote
from enrich.store.memory import MemoryDatabase
from enrich.store.memory_model import MemoryRun

__all__ = ["MemoryTrustStore"]


def _age_s(said: Response, now: datetime) -> float:
    return max(0.0, (now - said.observed_at).total_seconds())


def _answers(run: MemoryRun, said: Response, weight: float) -> Iterator[Answered]:
    if not isinstance(said.outcome, Found | NotFound):
        return
    seen = said.outcome.observations if isinstance(said.outcome, Found) else {}
    for column in run.view().wanted_columns:
        observed = seen.get(column.field)
        yield Answered(
            provider=said.provider,
            field=column.field,
            confidence=observed.confidence if observed else None,
            latency_s=said.latency_s,
            weight=weight,
        )


@dataclass(slots=True)
class _Kept:
    """What one tenant's store holds."""

    states: list[tuple[TrustState, str, datetime]] = field(default_factory=list)
    labels: dict[str, list[Label]] = field(default_factory=dict)


class MemoryTrustStore:
    """The port `TrustStore` in memory; give it the database of the `MemoryRowStore`."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._db = database
        self._kept: dict[str, _Kept] = {}

    def newest(self, tenant: str) -> TrustState:
        """Give the newest state; version 0, which knows nothing, before there is any."""
        with self._db.lock:
            states = self._of(tenant).states
            return states[-1][0] if states else TrustState()

    def version(self, tenant: str, number: int) -> TrustState:
        """Give one version; 0 knows nothing. Raises `UnknownNameError`."""
        if number == 0:
            return TrustState()
        with self._db.lock:
            states = self._of(tenant).states
            if not 0 < number <= len(states):
                raise UnknownNameError("version of trust", str(number))
            return states[number - 1][0]

    def save(self, tenant: str, state: TrustState, *, reason: str) -> TrustState:
        """Add a state as the newest version, and give it with its number."""
        with self._db.lock:
            states = self._of(tenant).states
            saved = replace(trust_from_json(trust_to_json(state)), version=len(states) + 1)
            states.append((saved, reason, self._db.now()))
            return saved

    def history(self, tenant: str, *, limit: int = 20) -> tuple[TrustNote, ...]:
        """List the newest versions, newest first."""
        with self._db.lock:
            newest = list(reversed(self._of(tenant).states))[:limit]
            return tuple(
                TrustNote(
                    version=state.version,
                    reason=reason,
                    labels=state.labels,
                    cells=state.cells,
                    created_at=at,
                )
                for state, reason, at in newest
            )

    def tenants(self) -> tuple[str, ...]:
        """Name the tenants about whose rows anything was ever said, sorted."""
        with self._db.lock:
            return tuple(sorted({run.new.tenant for run in self._db.runs.values()}))

    def label(self, tenant: str, table: str, labels: Sequence[Label]) -> int:
        """Add labels; gives how many. One of a row that is not in the table is passed over."""
        with self._db.lock:
            found = self._db.table(tenant, table)
            for label in labels:
                if label.column not in found.columns:
                    names, within = tuple(found.columns), f"table {table!r}"
                    raise UnknownNameError("column", label.column, known=names, within=within)
            known = [label for label in labels if label.row in found.rows]
            self._of(tenant).labels.setdefault(table, []).extend(known)
            return len(known)

    def labels(self, tenant: str, table: str) -> tuple[Label, ...]:
        """Give a table's labels, oldest first. Raises `UnknownNameError`."""
        with self._db.lock:
            rows = self._db.table(tenant, table).rows
            kept = self._of(tenant).labels.get(table, [])
            return tuple(label for label in kept if label.row in rows)

    def heard(
        self, tenant: str, table: str, rows: Sequence[int]
    ) -> tuple[tuple[int, Response], ...]:
        """Give all that was said about some rows, oldest first, each with its run's id."""
        with self._db.lock:
            wanted = self._db.table(tenant, table).rows.keys() & set(rows)
            lines = self._db.ledger.values()
            return tuple((line[0], line[2]) for line in lines if line[2].row in wanted)

    def habits(self, tenant: str, *, half_life_s: float) -> Habits:
        """Add up how a tenant's providers answered; older answers count less."""
        with self._db.lock:
            now = self._db.now()
            heard = [
                (self._db.runs[run_id], said)
                for run_id, _, said in self._db.ledger.values()
                if self._db.runs[run_id].new.tenant == tenant and not said.stale
            ]
        answers = [
            one
            for run, said in heard
            for one in _answers(run, said, 0.5 ** (_age_s(said, now) / half_life_s))
        ]
        return habits_of(answers, ageing_of(said for _, said in heard))

    def _of(self, tenant: str) -> _Kept:
        return self._kept.setdefault(tenant, _Kept())
