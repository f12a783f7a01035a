"""`enrich replay`: what another way of fusing would make of the recorded answers."""

import click

from enrich.cli.output import (
    as_json_option,
    print_facts,
    print_json,
    print_note,
    print_table,
    short,
    tenant_option,
)
from enrich.cli.services import opened
from enrich.domain.policy import FusionMethod
from enrich.engine.replay import Replay, replay

__all__ = ["replay_command"]


@click.command("replay")
@click.argument("table")
@click.option(
    "--policy",
    type=click.Choice([method.value for method in FusionMethod]),
    default=FusionMethod.LEARNED.value,
    show_default=True,
    help="How to fuse.",
)
@click.option("--columns", help="Which, with commas between; default: all enriched ones.")
@click.option("--trust", type=click.IntRange(0), help="The version to judge by; default: newest.")
@click.option("--limit", type=click.IntRange(0), default=20, show_default=True, help="Of changes.")
@tenant_option
@as_json_option
def replay_command(
    *,
    table: str,
    policy: str,
    columns: str | None,
    trust: int | None,
    limit: int,
    tenant: str,
    as_json: bool,
) -> None:
    """Fuse TABLE's cells anew from what is recorded; nobody is asked and nothing is written."""
    keys = tuple(part.strip() for part in columns.split(",")) if columns else None
    with opened() as services:
        found = replay(
            services.parts,
            tenant,
            table,
            method=FusionMethod(policy),
            trust=trust,
            columns=keys,
            shown=limit,
        )
    if as_json:
        print_json(_as_json(found))
        return
    _print(found)


def _as_json(found: Replay) -> dict[str, object]:
    return {
        "policy": found.policy,
        "trust": found.trust,
        "cells": found.cells,
        "accepted": found.accepted,
        "flags": dict(sorted(found.flags.items())),
        "changed": found.changed,
        "changes": found.changes,
        "labelled": found.labelled,
        "labelled_right": found.labelled_right,
        "labelled_right_before": found.labelled_right_before,
        "brier": found.brier,
        "calibration_error": found.calibration_error,
        "calibration": found.calibration,
    }


def _print(found: Replay) -> None:
    flags = ", ".join(f"{count} {flag}" for flag, count in sorted(found.flags.items()))
    facts: list[tuple[str, object]] = [
        ("policy", f"{found.policy}, trust {found.trust}"),
        ("cells", f"{found.cells}, {found.accepted} would be accepted"),
        ("flags", flags or "none"),
        ("changed", found.changed),
    ]
    if found.labelled:
        before, now = found.labelled_right_before, found.labelled_right
        facts += [
            ("labelled", f"{found.labelled}: {now} right, as it stands {before}"),
            ("Brier", found.brier),
            ("calibration error", found.calibration_error),
        ]
    print_facts(facts)
    if found.changes:
        click.echo()
        print_table(
            ("row", "column", "stands", "surely", "would be", "surely"),
            [
                (c.row, c.column, short(c.before), f"{c.confidence_before:.0%}",
                 short(c.after), f"{c.confidence:.0%}")
                for c in found.changes
            ],
        )  # fmt: skip
    if found.changed > len(found.changes):
        print_note(f"… and {found.changed - len(found.changes)} more; --limit shows more")
