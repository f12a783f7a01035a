"""Learn whom to trust from the ledger and the labels, and keep it as a new version."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from enrich.domain.fusion import TrustState
from enrich.domain.fusion.habits import Habits
from enrich.domain.learning import Evidence, learn, since_changes
from enrich.engine.gather import HeardCell, heard_cells, trust_of
from enrich.engine.parts import Parts

__all__ = ["evidence_of", "learn_all", "learn_tables"]

#: Of cells without a label, so many of each table: agreement adds little beyond.
_UNLABELLED = 20_000


def learn_tables(
    parts: Parts, tenant: str, tables: Sequence[str], *, reason: str = "learned"
) -> TrustState:
    """Learn from tables of a tenant, and give what is saved as the newest version.

    What was learned elsewhere about other fields and providers stays. Raises `UnknownNameError`.
    """
    book = trust_of(parts)
    now = parts.clock.now()
    half_life_s = parts.policies.fusion.half_life_s
    evidence = [
        one
        for table in sorted(set(tables))
        for one in _limited(parts, tenant, table, now=now, half_life_s=half_life_s)
    ]
    before = book.store.newest(tenant)
    habits = _meant(book.store.habits(tenant, half_life_s=half_life_s), parts)
    learned = replace(_merged(before, learn(since_changes(evidence))), habits=habits)
    saved = book.store.save(tenant, learned, reason=reason)
    book.forget()
    parts.recorder.count("trust_learned", labels={"tenant": tenant})
    return saved


def learn_all(parts: Parts) -> int:
    """Learn anew for every tenant from all of its tables; gives how many tenants."""
    tenants = trust_of(parts).store.tenants()
    for tenant in tenants:
        names = [table.name for table in parts.rows.tables(tenant)]
        if names:
            learn_tables(parts, tenant, names, reason="scheduled")
    return len(tenants)


def evidence_of(cell: HeardCell, *, now: datetime, half_life_s: float) -> Evidence:
    """Give a cell as evidence; it counts half as much for each half-life of its newest answer."""
    age_s = max(0.0, (now - max(vote.observed_at for vote in cell.votes)).total_seconds())
    weight = 0.5 ** (age_s / half_life_s)
    known = cell.label_weight if cell.labels else 1.0
    return Evidence(
        field=cell.column.field,
        votes=cell.votes,
        right=cell.right,
        wrong=cell.wrong,
        weight=round(weight * known, 6),
    )


def _limited(
    parts: Parts, tenant: str, table: str, *, now: datetime, half_life_s: float
) -> Iterator[Evidence]:
    left = _UNLABELLED
    for cell in heard_cells(parts, tenant, table):
        if not cell.labels:
            left -= 1
            if left < 0:
                continue
        yield evidence_of(cell, now=now, half_life_s=half_life_s)


def _meant(habits: Habits, parts: Parts) -> Habits:
    """Leave out fields that a provider does not give: it was asked about others of the run."""
    gives = {spec.name: spec.gives for spec in parts.specs}
    answers = {
        field: {who: one for who, one in some.items() if field in gives.get(who, (field,))}
        for field, some in habits.answers.items()
    }
    return replace(habits, answers={field: some for field, some in answers.items() if some})


def _merged(before: TrustState, learned: TrustState) -> TrustState:
    """Lay what is learned over what was known: field by field, provider by provider."""
    return replace(
        learned,
        fields={**before.fields, **learned.fields},
        providers={**before.providers, **learned.providers},
        bins={**before.bins, **learned.bins},
        families={**before.families, **learned.families} if learned.cells else before.families,
    )
