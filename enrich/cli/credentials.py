"""`enrich credentials`: the keys of providers, a tenant's own, sealed in the database."""

import sys

import click

from enrich.bootstrap import keyring_file, settings
from enrich.cli.output import as_json_option, print_json, print_note, print_table, tenant_option
from enrich.cli.reopening import note_reopened, reopen
from enrich.cli.services import opened
from enrich.cli.spec_files import known_specs
from enrich.domain.secret import Secret
from enrich.errors import BadInputError, UnknownNameError
from enrich.ports import KeptCredential
from providers.credentials import EMBEDDINGS, LLM

__all__ = ["credentials_command"]

_CHARS_MIN, _CHARS_MAX = 8, 8192
#: So many may be shown without making the rest easy to guess.
_SHOWN, _SHOWN_FROM = 4, 16
_HEADERS = ("credential", "tenant", "name", "key", "since")
_name_option = click.option("--name", metavar="NAME", help="Which of several keys.")


@click.group("credentials")
def credentials_command() -> None:
    """Keep, list and remove the keys of providers; rotate what they are sealed with."""


@credentials_command.command("add")
@click.argument("provider")
@tenant_option
@_name_option
@as_json_option
def _add(*, provider: str, tenant: str, name: str | None, as_json: bool) -> None:
    """Keep a key for PROVIDER; it is read from stdin, or asked for, and shown nowhere.

    \b
    enrich credentials add hunter_email_finder
    enrich credentials add apollo --tenant acme --name second < key.txt

    A provider that was left alone because the key before was refused or used up is asked again.
    With several, the next one is asked with when one is refused or used up. What needs a user and
    a password takes user:password.
    """
    credential = _credential_of(provider)
    secret = _secret()
    with opened() as services:
        store = services.credentials.store
        is_new = store.add(tenant, credential, name or "main", secret)
        reopened = reopen(services, _gates_of(credential), tenant, credential)
    if as_json:
        own = {"credential": credential, "tenant": tenant, "name": name or "main"}
        print_json({**own, "reopened": [status.key for status in reopened]})
        return
    what = "kept" if is_new else "kept in the place of the one before"
    click.echo(f"{credential} of {tenant}, {name or 'main'}: {what}; in use within a minute")
    note_reopened(reopened)


@credentials_command.command("list")
@click.option("--tenant", metavar="NAME", help="Whose; default: everybody's.")
@as_json_option
def _list(*, tenant: str | None, as_json: bool) -> None:
    """List the kept keys, masked."""
    with opened() as services:
        kept = services.credentials.store.all(tenant)
    rows: list[tuple[object, ...]] = [
        (one.credential, one.tenant, one.name, _masked(one), one.created_at) for one in kept
    ]
    if as_json:
        print_json([dict(zip(_HEADERS, row, strict=True)) for row in rows])
        return
    print_table(_HEADERS, rows)
    if others := sorted(settings().credentials):
        print_note(f"and from the environment, for who has none here: {', '.join(others)}")


@credentials_command.command("remove")
@click.argument("provider")
@tenant_option
@_name_option
@as_json_option
def _remove(*, provider: str, tenant: str, name: str | None, as_json: bool) -> None:
    """Forget PROVIDER's keys, or the one named; workers stop asking with it within a minute."""
    with opened() as services:
        store = services.credentials.store
        known = {one.credential for one in store.all(tenant)}
        # What is kept can be removed also when its provider is no more.
        credential = provider if provider in known else _credential_of(provider)
        removed = store.remove(tenant, credential, name)
    if not removed:
        raise UnknownNameError("key", name or provider, known=tuple(known), within=tenant)
    if as_json:
        print_json({"removed": removed})
        return
    click.echo(f"{credential} of {tenant}: {removed} removed")


@credentials_command.command("rotate-key")
@as_json_option
def _rotate_key(*, as_json: bool) -> None:
    """Seal all kept keys anew with the newest key of the keyring.

    A keyring that is a file gets a new one first. Put one before the others of
    ENRICH_KEYRING__KEYS yourself; afterwards the old ones can go.
    """
    with opened() as services:
        own = services.settings
        if own.keyring.keys is None:
            keyring_file(own).renew()
        resealed = services.credentials.store.reseal()
    if as_json:
        print_json({"resealed": resealed})
        return
    click.echo(f"{resealed} sealed anew")


@credentials_command.command("new-key")
def _new_key() -> None:
    """Print a new key for the keyring: for ENRICH_KEYRING__KEYS, or a line of its file."""
    from enrich.store.sealing import new_seal_key

    click.echo(new_seal_key())


def _secret() -> Secret:
    """Read a key from where no list of processes and no history shows it."""
    if sys.stdin.isatty():
        typed = click.prompt("Key", hide_input=True, err=True)
    else:
        typed = sys.stdin.read(_CHARS_MAX + 2)
    value = str(typed).strip()
    if len(value) < _CHARS_MIN:
        raise BadInputError(
            "the key", f"is shorter than {_CHARS_MIN} characters", hint="write it to stdin"
        )
    if len(value) > _CHARS_MAX or not (value.isascii() and value.isprintable()):
        raise BadInputError("the key", "must be one line of visible ASCII")
    return Secret(value)


def _credential_of(provider: str) -> str:
    """Give the credential of a provider, or of that name."""
    specs = known_specs(settings())[0]
    named = {name: spec.credential for name, spec in specs.items() if spec.credential}
    # `list` shows the credential's own name, which is good as well.
    named |= {credential: credential for credential in (*named.values(), EMBEDDINGS, LLM)}
    if provider in specs and provider not in named:
        raise BadInputError("PROVIDER", f"{provider} needs no key")
    if provider not in named:
        raise UnknownNameError("provider that takes a key", provider, known=tuple(named))
    return named[provider]


def _gates_of(credential: str) -> list[str]:
    """Name the breakers of all that are asked with a credential."""
    specs = known_specs(settings())[0].values()
    return [spec.provider_spec.gate for spec in specs if spec.credential == credential]


def _masked(kept: KeptCredential) -> str:
    if kept.secret is None:
        return "cannot be opened with this keyring"
    value = kept.secret.reveal()
    return "…" + value[-_SHOWN:] if len(value) >= _SHOWN_FROM else "…"
