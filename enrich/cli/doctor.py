"""`enrich doctor`: what a person would check first."""

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict

import click
import redis

from enrich.bootstrap import endpoints, settings
from enrich.cli.output import as_json_option, inert, print_json
from enrich.cli.reasons import shut_sentence
from enrich.cli.servers import without_password
from enrich.cli.services import opened
from enrich.engine.gates import shut_for_long
from enrich.errors import EnrichError
from enrich.state.parked import ParkedMessages
from tasks.startup import Finding, examine

__all__ = ["doctor_command"]

_ANSWER_S = 2.0


@click.command("doctor")
@as_json_option
def doctor_command(*, as_json: bool) -> None:
    """Check the settings, the servers, the schema, the providers and the workers.

    The exit code is that of the worst: 0 all well, 2 a wrong setting, 3 a server that is down.
    """
    findings = list(_examined())
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            click.echo(f"{finding.verdict:<5} {finding.check:<10} {inert(finding.says)}")
    raise click.exceptions.Exit(max(finding.exit_code for finding in findings))


def _examined() -> Iterator[Finding]:
    """Make one check after the other; those that need one which failed are left out."""
    yield Finding("python", "ok", sys.version.split()[0])
    first = _check("settings", _settings)
    yield first
    if first.exit_code:
        return
    yield from (Finding("settings", "note", warning) for warning in settings().warnings())
    yield _check("home", _home)
    yield from _servers()
    yield _check("providers", _providers)
    yield from _shut()
    yield _workers()
    yield _parked()


def _servers() -> Iterator[Finding]:
    """Look at what a worker looks at before it starts."""
    from tasks.app import app

    try:
        places = endpoints()
    except EnrichError as exc:
        yield Finding("servers", "bad", str(exc), exc.exit_code)
        return
    addresses = {
        "postgres": places.database_url,
        "redis": places.redis_url,
        "broker": places.broker_url,
    }
    for name, url in addresses.items():
        yield Finding("address", "ok", f"{name} {without_password(url)}")
    yield from examine(settings(), places, app.conf)


def _check(name: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(name, "ok", look())
    except EnrichError as exc:
        return Finding(name, "bad", str(exc), exc.exit_code)


def _settings() -> str:
    own = settings()
    ours = {"DATABASE_URL", "REDIS_URL"}
    given = sorted(name for name in os.environ if name.startswith("ENRICH_") or name in ours)
    embedded = [
        name
        for name, url in (("PostgreSQL", own.database_url), ("Valkey", own.redis_url))
        if url is None
    ]
    where = f"embedded: {' and '.join(embedded)}" if embedded else "servers of yours"
    return f"{where}; set: {', '.join(given) or 'nothing'}"


def _home() -> str:
    home = settings().home.resolve()
    return f"{home}{'' if home.exists() else ' (made when needed)'}"


def _providers() -> str:
    from enrich.cli.spec_files import known_specs
    from providers.registry import providers, select

    own = settings().providers
    for fault in known_specs(settings())[1]:
        raise fault
    known = providers(own.modules)
    asked = select(own.chosen(), simulated=own.simulated, modules=own.modules)
    return f"{len(known)} known, {len(asked)} asked"


def _shut() -> Iterator[Finding]:
    """Name who is left alone for long, and who of those that are asked has no key."""
    try:
        with opened() as services:
            shut = shut_for_long(services.parts.breakers)
            asked = services.parts.providers
            keyless = sorted(name for name in asked if not services.parts.is_ready(name))
    except EnrichError:  # told already, with the servers
        return
    for status in shut:
        yield Finding("breaker", "note", shut_sentence(status))
    if keyless:
        says = f"no key: {', '.join(keyless)}; `enrich credentials add` keeps one"
        yield Finding("providers", "note", says)


def _workers() -> Finding:
    from kombu.exceptions import OperationalError

    from tasks.app import app

    try:
        answers = app.control.ping(timeout=1.0) or []
    except (OSError, OperationalError):
        return Finding("workers", "note", "cannot be asked: the broker does not answer")
    names = sorted(name for answer in answers for name in answer)
    if not names:
        return Finding("workers", "note", "none answers; `enrich up` starts one")
    return Finding("workers", "ok", ", ".join(names))


def _parked() -> Finding:
    client = redis.Redis.from_url(
        endpoints().broker_url, socket_timeout=_ANSWER_S, socket_connect_timeout=_ANSWER_S
    )
    parked = ParkedMessages(client)
    try:
        count, newest = parked.count(), parked.newest(1)
    except redis.RedisError:
        return Finding("parked", "note", "cannot be counted: the broker does not answer")
    finally:
        client.close()
    if not newest:
        return Finding("parked", "ok", "no message")
    says = f"{count} messages no task could be made of; the newest: {newest[0].reason}"
    return Finding("parked", "note", says)
