"""`enrich doctor`: what a person would check first."""

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass

import click

from enrich.bootstrap import endpoints, settings
from enrich.cli.output import as_json_option, inert, print_json
from enrich.cli.servers import without_password
from enrich.errors import DependencyError, EnrichError
from enrich.store.migrate import head, pending

__all__ = ["doctor_command"]


@dataclass(frozen=True, slots=True)
class _Finding:
    """One check: how it came out ("ok", "note" or "bad") and what there is to say."""

    check: str
    verdict: str
    says: str
    exit_code: int = 0


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


def _examined() -> Iterator[_Finding]:
    """Make one check after the other; those that need one which failed are left out."""
    yield _Finding("python", "ok", sys.version.split()[0])
    first = _check("settings", _settings)
    yield first
    if first.exit_code:
        return
    yield from (_Finding("settings", "note", warning) for warning in settings().warnings())
    yield _check("home", _home)
    database = _check("postgres", _postgres)
    yield database
    if not database.exit_code:
        yield _check("schema", _schema)
    yield _check("redis", lambda: _redis(endpoints().redis_url))
    yield _check("broker", lambda: _redis(endpoints().broker_url))
    yield _check("providers", _providers)
    yield _workers()


def _check(name: str, look: Callable[[], str]) -> _Finding:
    try:
        return _Finding(name, "ok", look())
    except EnrichError as exc:
        return _Finding(name, "bad", str(exc), exc.exit_code)


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


def _postgres() -> str:
    from sqlalchemy import text

    from enrich.store.engine import make_engine, translated

    places = endpoints()
    engine = make_engine(places.database_url, pool_size=1)
    try:
        with translated(), engine.connect() as connection:
            version = connection.execute(text("SHOW server_version")).scalar_one()
    finally:
        engine.dispose()
    return f"{version} at {without_password(places.database_url)}"


def _schema() -> str:
    url = endpoints().database_url
    if settings().database_url is None:
        return f"{head()} when it is first used"
    if lacking := pending(url):
        raise DependencyError(f"{len(lacking)} migrations are pending; run `enrich migrate`")
    return f"{head()}, the newest"


def _redis(url: str) -> str:
    import redis

    client = redis.Redis.from_url(url, socket_timeout=5, socket_connect_timeout=5)
    try:
        server = client.info("server")
        memory = client.info("memory")
    except redis.RedisError as exc:
        raise DependencyError(f"{without_password(url)} does not answer") from exc
    finally:
        client.close()
    name = "Valkey" if "valkey_version" in server else "Redis"
    version = server.get("valkey_version", server["redis_version"])
    return f"{name} {version} at {without_password(url)}, {memory['maxmemory_policy']}"


def _providers() -> str:
    from providers.registry import providers, select

    own = settings().providers
    known = providers(own.modules)
    asked = select(own.chosen(), simulated=own.simulated, modules=own.modules)
    return f"{len(known)} known, {len(asked)} asked"


def _workers() -> _Finding:
    from kombu.exceptions import OperationalError

    from tasks.app import app

    try:
        answers = app.control.ping(timeout=1.0) or []
    except (OSError, OperationalError):
        return _Finding("workers", "note", "cannot be asked: the broker does not answer")
    names = sorted(name for answer in answers for name in answer)
    if not names:
        return _Finding("workers", "note", "none answers; `enrich up` starts one")
    return _Finding("workers", "ok", ", ".join(names))
