"""Explain a cell: what each provider's word weighed, and who was asked or not, and why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from enrich.domain.ballots import key_of_value, votes_of
from enrich.domain.fusion import Fused, Judge, Vote, fuse, groups_of
from enrich.domain.fusion.trust import accuracy_of
from enrich.domain.outcome import told_of
from enrich.domain.policy import FusionMethod, FusionPolicy
from enrich.domain.provider import ProviderSpec, Tier
from enrich.domain.reading import context_of
from enrich.domain.run import Response
from enrich.domain.table import CellState, Column, Provenance, Row
from enrich.domain.values import Json
from enrich.engine.choosing import worth_of_asking
from enrich.engine.gather import newest_of, trust_of
from enrich.engine.parts import Parts

__all__ = ["Asked", "Voice", "Why", "why"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """What one provider said, and what that weighed.

    `nats` is what its word adds to its value's score; `counts` is False when a member of its family
    that weighs more said the same. `raw` is the value as the provider wrote it. `accuracy` is how
    often it is right about the field, as far as is known from `evidence` answers.
    """

    provider: str
    family: str
    value: Json
    raw: Json
    confidence: float
    accuracy: float
    evidence: float
    nats: float
    counts: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One provider that gives the field: how asking it ended, or why it was not asked."""

    provider: str
    tier: str
    asked: bool
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """Why a cell holds what it holds; `fused` is None when nobody gave a value.

    `reproduced` says whether fusing the recorded answers again gives the standing value.
    """

    row: Row
    column: Column
    method: str
    trust: int
    least: float
    fused: Fused | None
    voices: tuple[Voice, ...]
    asked: tuple[Asked, ...]
    reproduced: bool


def why(
    parts: Parts, tenant: str, table: str, row: str, column: str, *, trust: int | None = None
) -> Why:
    """Explain a cell by the trust that decided it, or by another version of it.

    Raises `UnknownNameError`.
    """
    view = parts.rows.table(tenant, table)
    columns, meant = view.columns, view.column(column)
    (found,) = parts.rows.read(tenant, table, [row])
    cell = found.cells.get(column)
    judge = _judge(parts, tenant, cell, trust)
    policy = _policy(parts, meant, cell, judge, changed=trust is not None)
    said = _decisive(parts.runs.evidence(tenant, table, row), cell)
    specs = {spec.name: spec for spec in parts.of(columns).specs}
    context = context_of(meant.field, said, found, columns)
    votes = votes_of(meant, said, specs, context)
    fused = fuse(votes, policy, min_confidence=meant.min_confidence, field=meant.field)
    is_learned = policy.method is FusionMethod.LEARNED
    heard = judge.read(votes, meant.field) if is_learned else votes
    return Why(
        row=found,
        column=meant,
        method=policy.method.value,
        trust=judge.state.version,
        least=_least(policy, meant),
        fused=fused,
        voices=_voices(tuple(heard), judge, meant.field),
        asked=_with_worth(
            _asked(found, columns, meant, said, tuple(specs.values())),
            worth_of_asking(parts, meant, fused, votes, judge) if is_learned else {},
        ),
        reproduced=fused is not None
        and fused.candidates[0].key == key_of_value(meant.field, found.data.get(column), context),
    )


def _judge(parts: Parts, tenant: str, cell: Provenance | None, trust: int | None) -> Judge:
    store = trust_of(parts).store
    number = trust if trust is not None else (cell.trust if cell else 0)
    if number or trust is not None or (cell and cell.fusion == FusionMethod.LEARNED):
        return Judge(store.version(tenant, number))
    return Judge(store.newest(tenant))


def _policy(
    parts: Parts, column: Column, cell: Provenance | None, judge: Judge, *, changed: bool
) -> FusionPolicy:
    policy = replace(parts.policies.fusion, judge=judge)
    decided = FusionMethod.LEARNED if changed else cell.fusion if cell else ""
    if decided:
        policy = replace(policy, method=FusionMethod(decided), pinned=True)
    return policy.for_column(column)


def _least(policy: FusionPolicy, column: Column) -> float:
    if policy.method is FusionMethod.LEARNED:
        return max(column.min_confidence, policy.agreement_threshold)
    return column.min_confidence


def _decisive(
    evidence: Sequence[tuple[int, Response]], cell: Provenance | None
) -> tuple[Response, ...]:
    """Give what the run that decided the cell heard; all that was ever heard if that is nothing."""
    oldest_first = list(reversed(evidence))
    own = [said for run, said in oldest_first if cell and run == cell.stamp.number]
    return newest_of(own or [said for _, said in oldest_first])


def _voices(votes: Sequence[Vote], judge: Judge, field: str) -> tuple[Voice, ...]:
    voices = []
    for _, group in groups_of(votes):
        spoken: set[str] = set()
        for vote in sorted(group, key=lambda v: (-_nats(v, judge, field), v.provider)):
            family = judge.family(vote.family)
            tally = judge.field(field).tallies.get(vote.provider)
            voices.append(
                Voice(
                    provider=vote.provider,
                    family=family,
                    value=vote.value,
                    raw=vote.raw,
                    confidence=vote.confidence,
                    accuracy=round(accuracy_of(judge.state, vote.provider, field), 4),
                    evidence=round(tally.total, 2) if tally else 0.0,
                    nats=round(_nats(vote, judge, field), 4),
                    counts=family not in spoken,
                )
            )
            spoken.add(family)
    return tuple(voices)


def _nats(vote: Vote, judge: Judge, field: str) -> float:
    return judge.weight(field, vote.provider, vote.confidence)


def _asked(
    row: Row,
    columns: Sequence[Column],
    column: Column,
    said: Sequence[Response],
    specs: Sequence[ProviderSpec],
) -> tuple[Asked, ...]:
    by_name = {response.provider: response for response in said}
    return tuple(
        Asked(
            provider=spec.name,
            tier=spec.tier.value,
            asked=spec.name in by_name,
            what=told_of(by_name[spec.name].outcome)
            if spec.name in by_name
            else _why_not(row, columns, column, spec),
        )
        for spec in sorted(specs, key=lambda s: (s.tier.value, s.name))
        if column.field in spec.gives
    )


def _with_worth(asked: Sequence[Asked], worth: Mapping[str, float]) -> tuple[Asked, ...]:
    """Say of those who were not asked what asking them would be worth beyond their price."""
    return tuple(
        replace(one, what=f"{one.what}; asking is worth {worth[one.provider] / 1e6:+.4f} credits")
        if not one.asked and one.provider in worth
        else one
        for one in asked
    )


def _why_not(row: Row, columns: Sequence[Column], column: Column, spec: ProviderSpec) -> str:
    known = row.known_fields(tuple(c for c in columns if c.key != column.key))
    if not spec.can_ask_with(known):
        needed = " or ".join("+".join(sorted(some)) for some in spec.inputs)
        return f"the row lacks {needed}"
    cell = row.cells.get(column.key)
    is_decided = cell is not None and cell.state is CellState.FILLED
    if spec.tier is Tier.PREMIUM and is_decided and "undecided" not in cell.flags:  # type: ignore[union-attr] # decided
        return "a cheaper value was sure enough"
    return "was not asked in that run"
