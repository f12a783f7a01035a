"""What `enrich run --estimate` prints."""

from collections.abc import Collection, Mapping
from dataclasses import asdict, replace

import click

from enrich.cli.output import print_facts, print_json, print_table
from enrich.cli.reasons import until
from enrich.cli.tables import enriched_columns
from enrich.domain.values import credits_of
from enrich.engine.estimate import Estimate, estimate
from enrich.engine.foresight import Foreseen, foresee
from enrich.engine.gates import left_alone
from enrich.engine.parts import Parts
from enrich.engine.submit import RunRequest
from enrich.ports import BreakerStatus

__all__ = ["print_estimate"]

#: Providers that nobody gets through to now, by name, and the breakers that refuse.
_Shut = Mapping[str, BreakerStatus]


def print_estimate(
    parts: Parts, request: RunRequest, *, hit_rates: Mapping[str, float], as_json: bool
) -> None:
    """Print what a run could cost: least, expected, most; who is left alone now does not count."""
    tenant, table, wanted = request.tenant, request.table, request.columns
    present = parts.rows.table(tenant, table).columns
    chosen = enriched_columns(parts.rows, tenant, table, wanted) if wanted else present
    keys = wanted or tuple(column.key for column in present if column.enriched)
    columns = tuple({column.key: column for column in (*present, *chosen)}.values())
    fields = {column.field for column in columns if column.key in keys}
    parts, shut = _reachable(parts.of(columns), tenant, fields)
    found = estimate(
        parts.rows.scan(tenant, table),
        columns=columns,
        wanted=keys,
        options=request.options,
        specs=parts.specs,
        hit_rates=hit_rates,
    )
    order = request.options.order or parts.policies.runs.order
    known = [key for key in keys if any(column.key == key for column in present)]
    foreseen = foresee(parts, tenant, table, order=order, columns=known) if known else None
    if as_json:
        print_json(_as_json(found, foreseen, shut))
    else:
        _print_text(found, foreseen, shut)


def _reachable(parts: Parts, tenant: str, fields: Collection[str]) -> tuple[Parts, _Shut]:
    """Leave out whom nobody gets through to now; name those who give any of these fields."""
    shut = left_alone(parts, tenant)
    useful = [spec.name for spec in parts.specs if not spec.gives.keys().isdisjoint(fields)]
    others = replace(parts, is_ready=lambda name: name not in shut and parts.is_ready(name))
    return others, {name: shut[name] for name in useful if name in shut}


def _as_json(found: Estimate, foreseen: Foreseen | None, shut: _Shut) -> dict[str, object]:
    return {
        **asdict(found),
        "least_credits": credits_of(found.least_microcredits),
        "expected_credits": credits_of(found.expected_microcredits),
        "most_credits": credits_of(found.most_microcredits),
        "replayed": None if foreseen is None else _replayed(found, foreseen),
        "left_alone": [
            {
                "provider": name,
                "reason": status.reason,
                "held": status.held,
                "retry_at": status.retry_at,
            }
            for name, status in shut.items()
        ],
    }


def _told(name: str, status: BreakerStatus) -> str:
    why = "held open by hand" if status.held else f"its breaker is open ({status.reason})"
    return f"{name} is left alone{until(status.retry_at)}: {why}; see `enrich breaker {name}`"


def _as_before(found: Estimate, foreseen: Foreseen | None) -> str:
    if foreseen is None:
        return "nothing is recorded of this table yet"
    return (
        f"{credits_of(foreseen.cost_of(found.rows)):.4f}, {foreseen.filled:.0%} filled: "
        f"{foreseen.played} recorded rows, asked {foreseen.order.value}"
    )


def _replayed(found: Estimate, foreseen: Foreseen) -> dict[str, object]:
    return {
        "policy": foreseen.order.value,
        "rows": foreseen.played,
        "credits": credits_of(foreseen.cost_of(found.rows)),
        "filled": round(foreseen.filled, 4),
    }


def _print_text(found: Estimate, foreseen: Foreseen | None, shut: _Shut) -> None:
    print_facts(
        [
            ("cells", f"{found.cells} in {found.rows} rows"),
            ("out of reach", f"{found.out_of_reach}: nobody can fill them from what there is"),
            *(("unknown field", f"{field}: no provider gives it") for field in found.unknown),
            *(("not counted", _told(name, status)) for name, status in shut.items()),
            ("cost at least", f"{credits_of(found.least_microcredits):.4f} credits"),
            ("expected", f"{credits_of(found.expected_microcredits):.4f}"),
            ("at most", f"{credits_of(found.most_microcredits):.4f}; the cache makes it less"),
            ("if as before", _as_before(found, foreseen)),
        ]
    )
    click.echo()
    print_table(
        ("provider", "tier", "rows at most", "credits expected", "at most"),
        [
            (
                s.provider,
                s.tier,
                s.rows,
                f"{credits_of(s.expected_microcredits):.4f}",
                f"{credits_of(s.most_microcredits):.4f}",
            )
            for s in found.shares
        ],
    )
