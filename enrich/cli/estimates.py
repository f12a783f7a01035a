"""What `enrich run --estimate` prints."""

from collections.abc import Mapping
from dataclasses import asdict

import click

from enrich.cli.output import print_facts, print_json, print_table
from enrich.cli.tables import enriched_columns
from enrich.domain.run import RunOptions
from enrich.domain.values import credits_of
from enrich.engine.estimate import Estimate, estimate
from enrich.engine.parts import Parts

__all__ = ["print_estimate"]


def print_estimate(
    parts: Parts,
    tenant: str,
    table: str,
    wanted: tuple[str, ...] | None,
    options: RunOptions,
    *,
    hit_rates: Mapping[str, float],
    as_json: bool,
) -> None:
    """Print what a run of these columns could cost: least, expected, most."""
    present = parts.rows.table(tenant, table).columns
    chosen = enriched_columns(parts.rows, tenant, table, wanted) if wanted else present
    keys = wanted or tuple(column.key for column in present if column.enriched)
    columns = tuple({column.key: column for column in (*present, *chosen)}.values())
    found = estimate(
        parts.rows.scan(tenant, table),
        columns=columns,
        wanted=keys,
        options=options,
        specs=parts.of(columns).specs,
        hit_rates=hit_rates,
    )
    if as_json:
        print_json(_as_json(found))
    else:
        _print_text(found)


def _as_json(found: Estimate) -> dict[str, object]:
    return {
        **asdict(found),
        "least_credits": credits_of(found.least_microcredits),
        "expected_credits": credits_of(found.expected_microcredits),
        "most_credits": credits_of(found.most_microcredits),
    }


def _print_text(found: Estimate) -> None:
    print_facts(
        [
            ("cells", f"{found.cells} in {found.rows} rows"),
            ("out of reach", f"{found.out_of_reach}: nobody can fill them from what there is"),
            ("cost at least", f"{credits_of(found.least_microcredits):.4f} credits"),
            ("expected", f"{credits_of(found.expected_microcredits):.4f}"),
            ("at most", f"{credits_of(found.most_microcredits):.4f}; the cache makes it less"),
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
