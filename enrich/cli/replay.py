"""`enrich replay`: what another way of fusing or of asking would make of the recorded answers."""

import click

from enrich.cli.output import (
    as_json_option,
    print_facts,
    print_json,
    tenant_option,
)
from enrich.cli.services import opened
from enrich.cli.what_if import print_changes, print_what_if
from enrich.cli.wishes import names_of
from enrich.domain.policy import FusionMethod
from enrich.domain.run import Order
from enrich.engine.gather import Hearing
from enrich.engine.replay import Replay, replay
from enrich.engine.what_if import what_if

__all__ = ["replay_command"]

_ORDERS = frozenset(order.value for order in Order)


@click.command("replay")
@click.argument("table")
@click.option(
    "--policy",
    type=click.Choice([one.value for one in (*FusionMethod, *Order)]),
    default=FusionMethod.LEARNED.value,
    show_default=True,
    help="How to fuse, or whom to ask when.",
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
    """Fuse TABLE's cells anew from what is recorded; nobody is asked and nothing is written.

    With an order of asking (sequential, parallel, adaptive) it says what that would have saved.
    """
    keys = names_of(columns)
    hearing = Hearing(table=table, tenant=tenant, columns=keys, trust=trust, shown=limit)
    with opened() as services:
        if policy in _ORDERS:
            played = what_if(services.parts, hearing, order=Order(policy))
            print_what_if(played, as_json=as_json)
            return
        found = replay(services.parts, hearing, method=FusionMethod(policy))
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
    print_changes(found.changes, found.changed)
