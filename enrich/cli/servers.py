"""`enrich down`, `enrich env` and `enrich migrate`."""

import re
import shlex
from pathlib import Path

import click

from enrich import embedded
from enrich.bootstrap import endpoints, settings
from enrich.cli.output import as_json_option, print_json
from enrich.embedded import celery_url
from enrich.embedded.home import holds
from enrich.errors import BadInputError
from enrich.store.migrate import current, head, pending, upgrade

__all__ = [
    "down_command",
    "env_command",
    "migrate_command",
    "process_of_up",
    "up_lock",
    "without_password",
]

_PASSWORD = re.compile(r"(?<=//)([^/@:]*):([^/@]*)@")


@click.command("down")
@as_json_option
def down_command(*, as_json: bool) -> None:
    """Stop the embedded servers; what they keep stays under ENRICH_HOME."""
    home = settings().home
    if holds(up_lock(home)):
        raise BadInputError(
            "ENRICH_HOME",
            f"`enrich up` runs in {home}{process_of_up(home)}",
            hint="stop that with Ctrl-C or `kill`: it stops its servers too",
        )
    stopped = sorted(server.value for server in embedded.stop(home))
    if as_json:
        print_json({"stopped": stopped})
        return
    click.echo(f"stopped: {', '.join(stopped)}" if stopped else "no embedded server was running")


@click.command("env")
@click.option("--show-passwords", is_flag=True, help="Do not mask them.")
@as_json_option
def env_command(*, show_passwords: bool, as_json: bool) -> None:
    """Print the servers' addresses as shell commands: eval "$(enrich env)"

    CELERY_BROKER_URL is the broker in Celery's form. Embedded servers are started and stay up.
    """
    places = endpoints()
    addresses = {
        "DATABASE_URL": places.database_url,
        "REDIS_URL": places.redis_url,
        "ENRICH_BROKER__URL": places.broker_url,
        "CELERY_BROKER_URL": celery_url(places.broker_url),
    }
    if not show_passwords:
        addresses = {name: without_password(url) for name, url in addresses.items()}
    if as_json:
        print_json(addresses)
        return
    for name, url in addresses.items():
        click.echo(f"export {name}={shlex.quote(url)}")


def up_lock(home: Path) -> Path:
    """Name the file that `enrich up` holds locked while it runs in a home."""
    return home / "up.lock"


def process_of_up(home: Path) -> str:
    """Name the process of the `enrich up` that runs in a home, in parentheses; empty if unknown."""
    try:
        pid = up_lock(home).read_text()
    except OSError:
        return ""
    return f" (process {pid})" if pid.isdigit() else ""


def without_password(url: str) -> str:
    """Give an address with asterisks for its password, if it has one."""
    return _PASSWORD.sub(r"\1:***@", url)


@click.command("migrate")
@click.option("--check", is_flag=True, help="Change nothing; fail when something is pending.")
@as_json_option
def migrate_command(*, check: bool, as_json: bool) -> None:
    """Bring the database to the newest schema; safe while others do the same."""
    url = endpoints().database_url
    before, todo = current(url), pending(url)
    if not check:
        upgrade(url)
    if as_json:
        print_json({"before": before, "applied": [] if check else todo, "newest": head()})
    elif not todo:
        click.echo(f"the schema is at {head()}, the newest")
    else:
        click.echo(f"{'pending' if check else 'applied'}: {', '.join(todo)}")
    if check and todo:
        raise click.exceptions.Exit(1)
