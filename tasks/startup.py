"""What must be right before a worker takes its first message; `enrich doctor` tells all of it."""

import logging
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import redis
from sqlalchemy import text

from enrich.bootstrap import Endpoints
from enrich.bootstrap import endpoints as own_endpoints
from enrich.bootstrap import settings as own_settings
from enrich.errors import DependencyError, EnrichError, UsageError
from enrich.settings import Settings
from enrich.store.engine import make_engine, translated
from enrich.store.migrate import current, head, pending

__all__ = ["Finding", "check_limits", "check_redis", "examine", "refuse_to_start"]

log = logging.getLogger("enrich.tasks")

_POSTGRES = 140000
_REDIS = (6, 2)
_FULL = 0.9
_ANSWER_S = 2.0
_WHO_WE_ARE = """
    SELECT rolname, rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user
"""


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: how it came out ("ok", "note" or "bad") and what there is to say.

    `exit_code` is 0 unless it is bad: 2 a wrong setting, 3 a server. `is_absence`: the server did
    not answer, so that nothing is known of it; it may come back.
    """

    check: str
    verdict: str
    says: str
    exit_code: int = 0
    is_absence: bool = False


def examine(own: Settings, places: Endpoints, conf: Mapping[str, Any]) -> Iterator[Finding]:
    """Make one check after the other; those that need one which failed are left out."""
    yield check_limits(own, conf)
    database = _checked("postgres", partial(_postgres, places.database_url))
    yield database
    if not database.exit_code:
        yield _checked("schema", partial(_schema, own, places.database_url))
        yield _walls(own, places.database_url)
    yield from _both_redis(own, places)
    yield _account(production=own.production)


def check_limits(own: Settings, conf: Mapping[str, Any]) -> Finding:
    """Compare how long work may take with how long a message may be held.

    What outlives the visibility timeout is delivered a second time while it still runs.
    """
    visible_s = float(conf["broker_transport_options"]["visibility_timeout"])
    held = {
        "ENRICH_PROBES__TIMEOUT_SECONDS": own.probes.timeout_seconds,
        "task_time_limit": conf.get("task_time_limit") or 0.0,
    }
    for name, limit_s in held.items():
        if limit_s >= visible_s:
            says = (
                f"{name}: {limit_s:g} s is not below the visibility timeout ({visible_s:g} s), "
                f"so work would be delivered twice; lower it"
            )
            return Finding("limits", "bad", says, UsageError.exit_code)
    lease_s = own.runs.lease_seconds
    says = f"a probe may take {own.probes.timeout_seconds:g} s, a lease lasts {lease_s:g} s"
    return Finding("limits", "ok", f"{says}, a message is held {visible_s:g} s")


def _both_redis(own: Settings, places: Endpoints) -> Iterator[Finding]:
    known: list[str] = []
    for name, url in (("redis", places.redis_url), ("broker", places.broker_url)):
        info = _info(url)
        if isinstance(info, str):
            yield Finding(name, "bad", info, DependencyError.exit_code, is_absence=True)
            continue
        known.append(str(info.get("run_id")))
        yield check_redis(name, info, production=own.production)
    if own.production and len(known) == 2 and len(set(known)) == 1:
        says = (
            "broker and cache are one server: emptying or filling the cache would hit the queue; "
            "give ENRICH_BROKER__URL a server of its own"
        )
        yield Finding("broker", "note", says)


def check_redis(name: str, info: Mapping[str, Any], *, production: bool) -> Finding:
    """Judge a server by what it says of itself; a broker must forget nothing."""
    brand = "Valkey" if "valkey_version" in info else "Redis"
    version = str(info.get("valkey_version", info["redis_version"]))
    policy = str(info.get("maxmemory_policy", "noeviction"))
    says = f"{brand} {version}, {policy}"
    if tuple(int(part) for part in str(info["redis_version"]).split(".")[:2]) < _REDIS:
        wanted = ".".join(map(str, _REDIS))
        return Finding(name, "bad", f"{says}: {wanted} or newer is needed", 3)
    if name == "broker" and policy != "noeviction":
        problem = f"{says}: it may forget messages; set its maxmemory-policy to noeviction"
        return Finding(name, "bad", problem, 3) if production else Finding(name, "note", problem)
    if (limit := int(info.get("maxmemory", 0))) and int(info["used_memory"]) > _FULL * limit:
        return Finding(name, "note", f"{says}: over {_FULL:.0%} of its memory is in use")
    return Finding(name, "ok", says)


def _info(url: str) -> Mapping[str, Any] | str:
    client = redis.Redis.from_url(
        url, socket_timeout=_ANSWER_S, socket_connect_timeout=_ANSWER_S, retry=None
    )
    try:
        found: Mapping[str, Any] = client.info()
    except redis.RedisError as exc:
        return f"does not answer ({type(exc).__name__})"
    finally:
        client.close()
    return found


def _postgres(url: str) -> str:
    engine = make_engine(url, pool_size=1)
    try:
        with translated(), engine.connect() as connection:
            number = int(connection.execute(text("SHOW server_version_num")).scalar_one())
            version = str(connection.execute(text("SHOW server_version")).scalar_one())
    finally:
        engine.dispose()
    if number < _POSTGRES:
        raise DependencyError(f"{version}: {_POSTGRES // 10000} or newer is needed")
    return version


def _schema(own: Settings, url: str) -> str:
    lacking = pending(url)
    if lacking and own.database_url is None:
        # The embedded database is brought there by whatever uses it first.
        return f"{head()} when it is next used; it is at {current(url) or 'none'}"
    if lacking:
        raise DependencyError(f"{len(lacking)} migrations are pending; run `enrich migrate`")
    return f"{head()}, the newest"


def _walls(own: Settings, url: str) -> Finding:
    if own.database_url is None and pending(url):
        return Finding("tenants", "ok", "walled off from each other when it is first used")
    engine = make_engine(url, pool_size=1, is_walled=True)
    try:
        with translated(), engine.connect() as connection:
            name, is_free = connection.execute(text(_WHO_WE_ARE)).one()
    except EnrichError as exc:
        return Finding("tenants", "note", f"cannot be asked for: {exc}", is_absence=True)
    finally:
        engine.dispose()
    if is_free:
        says = f"role {name!r} sees through the walls between tenants; log in as `enrich_app`"
        return Finding("tenants", "note", says)
    return Finding("tenants", "ok", f"walled off from each other, also for role {name!r}")


def _account(*, production: bool) -> Finding:
    # Celery's own warning is about pickle, which we do not take.
    if os.geteuid() == 0 and production:
        return Finding("account", "note", "runs as root; give it a user without rights")
    return Finding("account", "ok", f"runs as user {os.geteuid()}")


def _checked(name: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(name, "ok", look())
    except EnrichError as exc:
        # What is too old or behind has answered; nothing else has.
        is_absence = type(exc) is not DependencyError
        return Finding(name, "bad", str(exc), exc.exit_code, is_absence)


def refuse_to_start(conf: Mapping[str, Any]) -> None:
    """Let no worker begin that would take messages and fail them all.

    A server that is away is no reason: a worker waits for it. Raises `SystemExit`.
    """
    worst = 0
    for finding in examine(own_settings(), own_endpoints(), conf):
        said = {"check": finding.check, "problem": finding.says}
        if finding.verdict == "bad" and not finding.is_absence:
            log.error("startup.refused", extra=said)
            worst = max(worst, finding.exit_code)
        elif finding.verdict != "ok":
            log.warning("startup.doubtful", extra=said)
    if worst:
        raise SystemExit(worst)
