"""Addresses of Redis and Valkey, in the forms in which redis-py and Celery read them."""

from urllib.parse import parse_qsl, urlsplit

__all__ = ["celery_url", "redis_url"]


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
