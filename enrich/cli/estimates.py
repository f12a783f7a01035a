"""What `enrich run --estimate` prints."""

from dataclasses import asdict

import click

from enrich.cli.output import print_facts, print_json, print_table
from enrich.cli.tables import enriched_columns
from enrich.domain.run import RunOptions
from enrich.domain.values import credits_of
from enrich.engine.estimate import estimate
from enrich.engine.parts import Parts

__all__ = ["print_estimate"]


def print_estimate(
    parts: Parts,
    tenant: str,
    table: str,
    wanted: tuple[str, ...] | None,
    options: RunOptions,
    *,
    as_json: bool,
) -> None:
    present = parts.rows.table(tenant, table).columns
    chosen = enriched_columns(parts.rows, tenant, table, wanted) if wanted else present
    keys = wanted or tuple(column.key for column in present if column.enriched)
    found = estimate(
        parts.rows.scan(tenant, table),
        columns=tuple({column.key: column for column in (*present, *chosen)}.values()),
        wanted=keys,
        options=options,
        specs=parts.specs,
    )
    if as_json:
        print_json({**asdict(found), "most_credits": credits_of(found.most_microcredits)})
        return
    print_facts(
        [
            ("cells", f"{found.cells} in {found.rows} rows"),
            ("out of reach", f"{found.out_of_reach}: nobody can fill them from what there is"),
            ("cost at most", f"{credits_of(found.most_microcredits):.4f} credits"),
            ("", "the cache and answers that suffice make it less"),
        ]
    )
    click.echo()
    print_table(
        ("provider", "tier", "rows at most", "credits at most"),
        [
            (s.provider, s.tier, s.rows, f"{credits_of(s.most_microcredits):.4f}")
            for s in found.shares
        ],
    )
