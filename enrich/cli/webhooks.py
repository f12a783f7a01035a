"""`enrich webhooks`: who is told of the ends of jobs and runs, and what was told."""

from collections.abc import Sequence

import click

from enrich.cli.output import as_json_option, print_json, print_note, print_table, tenant_option
from enrich.cli.services import opened
from enrich.engine.telling import add_webhook, tell
from enrich.errors import UnknownNameError

__all__ = ["webhooks_command"]

_HEADERS = ("id", "url", "created")
_TOLD = ("delivery", "event", "state", "attempts", "reason", "created")


@click.group("webhooks")
def webhooks_command() -> None:
    """Add, list and remove webhooks; show and repeat what they were told."""


@webhooks_command.command("add")
@click.argument("url")
@tenant_option
@as_json_option
def _add(*, url: str, tenant: str, as_json: bool) -> None:
    """Have URL told when a job or run ends; prints what messages are signed with, once."""
    with opened() as services:
        webhook, secret = add_webhook(services.desk, tenant, url)
    if as_json:
        print_json({"id": webhook.id, "url": webhook.url, "secret": secret.reveal()})
        return
    click.echo(secret.reveal())
    print_note(f"webhook {webhook.id}: messages are signed with this, and it is shown this once")


@webhooks_command.command("list")
@tenant_option
@as_json_option
def _list(*, tenant: str, as_json: bool) -> None:
    """List the tenant's webhooks."""
    with opened() as services:
        found = services.desk.webhooks.all(tenant)
    _print(_HEADERS, [(each.id, each.url, each.created_at) for each in found], as_json=as_json)


@webhooks_command.command("remove")
@click.argument("webhook")
@tenant_option
def _remove(*, webhook: str, tenant: str) -> None:
    """Forget a webhook with its messages."""
    with opened() as services:
        if not services.desk.webhooks.remove(tenant, webhook):
            raise UnknownNameError("webhook", webhook)
    click.echo(f"removed: {webhook}")


@webhooks_command.command("deliveries")
@click.argument("webhook")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
@tenant_option
@as_json_option
def _deliveries(*, webhook: str, limit: int, tenant: str, as_json: bool) -> None:
    """List what a webhook was told, newest first."""
    with opened() as services:
        found = services.desk.webhooks.deliveries(tenant, webhook, limit=limit)
    rows = [(d.id, d.event, d.state, d.attempts, d.reason, d.created_at) for d in found]
    _print(_TOLD, rows, as_json=as_json)


@webhooks_command.command("replay")
@click.argument("delivery", type=int)
@tenant_option
def _replay(*, delivery: int, tenant: str) -> None:
    """Send a message again, now."""
    with opened() as services:
        if not services.desk.webhooks.replay(tenant, delivery):
            raise UnknownNameError("delivery", str(delivery))
        tell(services.desk)
    click.echo(f"sent again: {delivery}")


def _print(headers: tuple[str, ...], rows: Sequence[tuple[object, ...]], *, as_json: bool) -> None:
    if as_json:
        print_json([dict(zip(headers, row, strict=True)) for row in rows])
        return
    print_table(headers, rows)
