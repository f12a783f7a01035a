"""Addresses of sockets, of the embedded servers."""

from pathlib import Path
from urllib.parse import quote

__all__ = ["POSTGRES_PORT", "postgres_url", "valkey_url"]

#: Only a part of the socket's name; said aloud, so that PGPORT does not decide it.
POSTGRES_PORT = 5432


def postgres_url(folder: Path, *, user: str, database: str) -> str:
    """Build the address of a database behind a socket in `folder`, for libpq and SQLAlchemy."""
    return f"postgresql://{user}@/{database}?host={quote(str(folder))}&port={POSTGRES_PORT}"


def valkey_url(socket: Path, *, db: int) -> str:
    """Build the address of a Valkey database in the form of redis-py."""
    return f"unix://{quote(str(socket))}?db={db}"
