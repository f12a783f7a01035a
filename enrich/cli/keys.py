"""`enrich keys`: credentials of those who call the REST interface."""

import secrets
import string
from datetime import timedelta

import click

from enrich.bootstrap import Services
from enrich.cli.output import as_json_option, print_json, print_note, print_table, tenant_option
from enrich.cli.services import opened
from enrich.domain.access import AccessKey, Scope, key_of, secret_hash
from enrich.errors import UnknownNameError

__all__ = ["create_key", "keys_command"]

_PREFIX_LETTERS = string.ascii_letters + string.digits
_PREFIX_LENGTH = 8
_SECRET_BYTES = 32
_HEADERS = ("key", "tenant", "name", "scopes", "created", "ends", "revoked")


@click.group("keys")
def keys_command() -> None:
    """Create, list and revoke the keys of callers of the REST interface."""


@keys_command.command("create")
@tenant_option
@click.option("--name", default="key", show_default=True, help="What it is for.")
@click.option(
    "--scope",
    "scopes",
    type=click.Choice([scope.value for scope in Scope]),
    multiple=True,
    default=[Scope.READ.value, Scope.ENRICH.value],
    show_default=True,
    help="What it allows; may be given several times.",
)
@click.option("--days", type=click.IntRange(1, 3650), help="It ends after that many.")
@as_json_option
def _create(
    *, tenant: str, name: str, scopes: tuple[str, ...], days: int | None, as_json: bool
) -> None:
    """Create a key and print it, once: only a hash of it is kept."""
    with opened() as services:
        key, secret = create_key(services, tenant, name, frozenset(map(Scope, scopes)), days=days)
    if as_json:
        print_json({"key": secret, "prefix": key.prefix, "tenant": tenant, "name": name})
        return
    click.echo(secret)
    print_note(f"for tenant {tenant!r}: this is the only time that it is shown; keep it now")


@keys_command.command("list")
@click.option("--tenant", metavar="NAME", help="Whose; default: everybody's.")
@as_json_option
def _list(*, tenant: str | None, as_json: bool) -> None:
    """List the keys by their prefixes."""
    with opened() as services:
        kept = services.access_keys.all(tenant)
    rows: list[tuple[object, ...]] = [
        (
            f"enr_{key.prefix}_…",
            key.tenant,
            key.name,
            ", ".join(sorted(key.scopes)),
            key.created_at,
            key.expires_at,
            key.revoked_at,
        )
        for key in kept
    ]
    if as_json:
        print_json([dict(zip(_HEADERS, row, strict=True)) for row in rows])
        return
    print_table(_HEADERS, rows)


@keys_command.command("revoke")
@click.argument("prefix")
@as_json_option
def _revoke(*, prefix: str, as_json: bool) -> None:
    """End the key that begins with enr_PREFIX; nobody believes it a minute later."""
    with opened() as services:
        known = tuple(key.prefix for key in services.access_keys.all())
        prefix = prefix.removeprefix("enr_").partition("_")[0]
        if prefix not in known:
            raise UnknownNameError("key", prefix, known=known)
        was_valid = services.access_keys.revoke(prefix)
    if as_json:
        print_json({"prefix": prefix, "revoked": was_valid})
        return
    click.echo(f"enr_{prefix}_…: {'revoked' if was_valid else 'had been revoked before'}")


def create_key(
    services: Services,
    tenant: str,
    name: str,
    scopes: frozenset[Scope],
    *,
    days: int | None = None,
) -> tuple[AccessKey, str]:
    """Make a key and keep it; gives it as it is stored, and with its secret.

    Raises `BadInputError` for a tenant or name that cannot be stored.
    """
    now = services.parts.clock.now()
    prefix = "".join(secrets.choice(_PREFIX_LETTERS) for _ in range(_PREFIX_LENGTH))
    whole = key_of(prefix, secrets.token_urlsafe(_SECRET_BYTES))
    key = AccessKey(
        prefix=prefix,
        tenant=tenant,
        name=name,
        scopes=scopes,
        created_at=now,
        expires_at=None if days is None else now + timedelta(days=days),
    )
    services.access_keys.add(key, secret_hash=secret_hash(whole))
    return key, whole
