"""Addresses of sockets, in the forms that each client reads."""

from pathlib import Path
from urllib.parse import parse_qsl, quote, urlsplit

__all__ = ["POSTGRES_PORT", "celery_url", "postgres_url", "redis_url", "valkey_url"]

#: Only a part of the socket's name; said aloud, so that PGPORT does not decide it.
POSTGRES_PORT = 5432


def postgres_url(folder: Path, *, user: str, database: str) -> str:
    """Build the address of a database behind a socket in `folder`, for libpq and SQLAlchemy."""
    return f"postgresql://{user}@/{database}?host={quote(str(folder))}&port={POSTGRES_PORT}"


def valkey_url(socket: Path, *, db: int) -> str:
    """Build the address of a Valkey database in the form of redis-py."""
    return f"unix://{quote(str(socket))}?db={db}"


def celery_url(redis_url: str) -> str:
    """Turn redis-py's form of an address into that of Celery and Kombu; others pass unchanged.

    A password of a `unix://` address is kept; a missing `db` is database 0.
    """
    parts = urlsplit(redis_url)
    if parts.scheme != "unix":
        return redis_url
    db = dict(parse_qsl(parts.query)).get("db", "0")
    login, at, _ = parts.netloc.rpartition("@")
    return f"redis+socket://{login}{at}{parts.path}?virtual_host={db}"


def redis_url(celery_url: str) -> str:
    """Turn Celery's form of an address back into that of redis-py; others pass unchanged."""
    parts = urlsplit(celery_url)
    if parts.scheme != "redis+socket":
        return celery_url
    db = dict(parse_qsl(parts.query)).get("virtual_host", "0")
    return f"unix://{parts.netloc}{parts.path}?db={db}"
