"""The application: its parts joined, its routes, its errors."""

import hashlib
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from enrich.api.access import Access
from enrich.api.asked import Broker
from enrich.api.console import serve_console
from enrich.api.cursors import Cursors
from enrich.api.docs import serve_docs
from enrich.api.gathered import Gathered
from enrich.api.problems import answer_with_problems, documented
from enrich.api.routes import (
    callbacks,
    cells,
    health,
    labels,
    metrics,
    profiles,
    providers,
    purge,
    runs,
    webhooks,
)
from enrich.api.routes.health import Availability
from enrich.api.tokens import TokenReader, read_keys
from enrich.bootstrap import Services
from enrich.settings import ApiSettings
from enrich.state.link import RedisLink
from enrich.state.quota import RedisQuota

__all__ = ["create_app"]

_ROUTES = (
    *(profiles, cells, labels, runs, purge, webhooks),
    *(callbacks, providers, metrics, health),
)
#: Groups of requests that are under way at a time: two of each kind.
_GROUPS = 6
_ABOUT = """Fill the missing cells of a table from many data providers.

Every request carries `Authorization: Bearer <key>` (`enrich keys create`) and `X-Tenant-ID`.
Errors are problem documents (RFC 9457)."""


def create_app(services: Services) -> FastAPI:
    """Make the application of one process around its services; the caller closes those.

    Raises `SettingsError` for a file of keys that cannot be used.
    """
    app = FastAPI(
        title="enrich",
        version="1",
        description=_ABOUT,
        lifespan=_lifespan,
        docs_url=None,
        redoc_url=None,
        responses=documented(),
        redirect_slashes=False,
    )
    _join(app, services)
    app.add_middleware(_PlainPaths)
    for routes in _ROUTES:
        app.include_router(routes.router)
    serve_docs(app)
    serve_console(app, services, app.state.broker)
    answer_with_problems(app)
    return app


def _join(app: FastAPI, services: Services) -> None:
    own, places = services.settings, services.endpoints
    app.state.services = services
    app.state.access = Access(services.access_keys, _tokens(own.api), services.parts.clock)
    app.state.cursors = Cursors(_secret(own.api, places.database_url))
    app.state.gathering = gathering = ThreadPoolExecutor(_GROUPS, thread_name_prefix="enrich-group")
    quota = RedisQuota(
        RedisLink(places.redis_url, recorder=services.metrics),
        allowed=own.api.requests_per_minute,
        window_s=60.0,
        recorder=services.metrics,
        version=own.cache.version,
    )
    patience_s = services.settings.broker.patience_seconds
    app.state.quota = Gathered(quota.take_all, gathering)
    app.state.broker = Broker(RedisLink(places.broker_url, timeout_s=patience_s))
    app.state.take = Gathered(profiles.taking(services, app.state.broker), gathering)
    app.state.find = Gathered(profiles.finding(services), gathering)
    app.state.availability = Availability()
    app.state.looks = ThreadPoolExecutor(4, thread_name_prefix="enrich-look")


class _PlainPaths:
    """Refuses an encoded slash: decoded, it would lead to another route than it reads like."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if b"%2f" in scope.get("raw_path", b"").lower():
            scope = {**scope, "path": "/no-such-path"}
        await self._app(scope, receive, send)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    yield
    app.state.looks.shutdown(wait=False, cancel_futures=True)
    app.state.gathering.shutdown(wait=False, cancel_futures=True)


def _tokens(own: ApiSettings) -> TokenReader | None:
    if own.jwt_keys is None or own.jwt_issuer is None or own.jwt_audience is None:
        return None
    return TokenReader(
        keys=read_keys(own.jwt_keys), issuer=own.jwt_issuer, audience=own.jwt_audience
    )


def _secret(own: ApiSettings, database_url: str) -> str:
    # Processes of one installation share a database, and so the secret.
    given = own.secret.get_secret_value() if own.secret else ""
    return given or hashlib.sha256(f"cursors {database_url}".encode()).hexdigest()
