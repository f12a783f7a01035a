"""What `enrich replay` prints of an order of asking, and of the cells that would change."""

from collections.abc import Sequence
from dataclasses import asdict

import click

from enrich.cli.output import print_facts, print_json, print_note, print_table, short
from enrich.domain.values import credits_of
from enrich.engine.replay import Change
from enrich.engine.what_if import WhatIf

__all__ = ["print_changes", "print_what_if"]


def print_what_if(found: WhatIf, *, as_json: bool) -> None:
    """Print what an order of asking would have asked, spent and filled."""
    if as_json:
        print_json({**asdict(found), "saved_credits": credits_of(found.saved_microcredits)})
        return
    facts: list[tuple[str, object]] = [
        ("policy", f"{found.policy}, trust {found.trust}"),
        ("cells", f"{found.cells} in {found.rows} rows, {found.accepted} would be accepted"),
        ("answers", f"{found.would_ask} of {found.answers} would be asked for"),
        (
            "cost",
            (
                f"{credits_of(found.would_spend_microcredits):.4f} credits instead of "
                f"{credits_of(found.spent_microcredits):.4f}"
            ),
        ),
        ("saved", f"{credits_of(found.saved_microcredits):.4f}"),
        ("changed", found.changed),
    ]
    if found.labelled:
        before, now = found.labelled_right_before, found.labelled_right
        facts.append(("labelled", f"{found.labelled}: {now} right, as it stands {before}"))
    print_facts(facts)
    print_changes(found.changes, found.changed)


def print_changes(changes: Sequence[Change], changed: int) -> None:
    """Print cells that would hold another value."""
    if changes:
        click.echo()
        print_table(
            ("row", "column", "stands", "surely", "would be", "surely"),
            [
                (c.row, c.column, short(c.before), f"{c.confidence_before:.0%}",
                 short(c.after), f"{c.confidence:.0%}")
                for c in changes
            ],
        )  # fmt: skip
    if changed > len(changes):
        print_note(f"… and {changed - len(changes)} more; --limit shows more")
