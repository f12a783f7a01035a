"""`enrich calls`: paid calls that may have been made twice, and what a person says of them."""

from collections.abc import Sequence
from dataclasses import asdict

import click

from enrich.cli.output import as_json_option, print_json, print_note, print_table, tenant_option
from enrich.cli.services import opened
from enrich.domain.paid import Doubt, Ruling
from enrich.domain.values import credits_of

__all__ = ["calls_command", "note_doubts", "note_total"]

_MOST = 1000


@click.group("calls", invoke_without_command=True)
@click.option("--in-doubt", is_flag=True, help="Only those that still wait to be settled.")
@click.option("--run", type=int, help="Only those of this run.")
@click.option("--limit", type=click.IntRange(1, _MOST), default=50, show_default=True)
@tenant_option
@as_json_option
@click.pass_context
def calls_command(
    ctx: click.Context, *, in_doubt: bool, run: int | None, limit: int, tenant: str, as_json: bool
) -> None:
    """List the paid calls that may have been made twice, the newest first: a line for each row.

    A call that the provider knows by its key, or charges once, is none of them.
    """
    if ctx.invoked_subcommand is not None:
        return
    with opened() as services:
        paid = services.parts.paid
        found = paid.doubts(tenant, run_id=run, unsettled=in_doubt, limit=limit + 1)
    doubts = found[:limit]
    if as_json:
        print_json([asdict(doubt) for doubt in doubts])
        return
    print_table(
        ("key", "run", "row", "provider", "state", "doubts", "price", "since"),
        [
            (d.key, d.run_id, d.row, d.provider, d.state.value, d.doubts,
             f"{credits_of(d.price_microcredits):.4f}", d.reserved_at)
            for d in doubts
        ],
    )  # fmt: skip
    if doubts:
        note_total(doubts, is_cut=len(found) > limit)


@calls_command.command("settle")
@click.argument("key")
@click.option("--paid", "ruling", flag_value=Ruling.PAID.value, help="It was made: it counts.")
@click.option("--not-paid", "ruling", flag_value=Ruling.NOT_PAID.value, help="It never was.")
@click.option(
    "--call-again", "ruling", flag_value=Ruling.CALL_AGAIN.value, help="Unknown: make it again."
)
@tenant_option
def settle_command(*, key: str, ruling: str | None, tenant: str) -> None:
    """Say what came of the call KEY; the next run over its row goes by that."""
    if ruling is None:
        raise click.UsageError("Say which: --paid, --not-paid or --call-again.")
    with opened() as services:
        services.parts.paid.settle(tenant, key, Ruling(ruling))
    print_note(f"call {key} is settled; `enrich run` takes its row up again")


def note_total(doubts: Sequence[Doubt], *, is_cut: bool) -> None:
    """Say beside a list of calls what they come to; `is_cut` when there are more of them."""
    if is_cut:
        print_note(f"the newest {len(doubts)}: {_told(doubts)}; there are more, --limit shows them")
    else:
        print_note(f"all in all {_told(doubts)}")


def note_doubts(doubts: Sequence[Doubt], run_id: int) -> None:
    """Say beside a summary how many paid calls may have been made twice."""
    if doubts:
        more = " or more" if len(doubts) == _MOST else ""
        print_note(
            f"{_told(doubts)}{more} may have been made twice or wait for you: "
            f"enrich calls --run {run_id}"
        )


def _told(doubts: Sequence[Doubt]) -> str:
    """Count calls, the rows that travelled in them, and what those cost once more at most."""
    calls, price = len({doubt.call for doubt in doubts}), sum(d.price_microcredits for d in doubts)
    numbers = [
        f"{n} {what}{'s' * (n != 1)}" for n, what in ((calls, "paid call"), (len(doubts), "row"))
    ]
    return f"{numbers[0]} ({numbers[1]}, {credits_of(price):.4f} credits)"
