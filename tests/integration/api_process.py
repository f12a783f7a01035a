"""The REST interface as a process of its own, and a caller with a key."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import requests

from enrich.domain.access import AccessKey, Scope, key_of, secret_hash
from enrich.ports.access import AccessKeys
from tests.ports import reserved_port

__all__ = ["Caller", "make_key", "serving"]

_ROOT = Path(__file__).parents[2]
_READY_S = 100.0
#: A machine with other work takes its time for what is done at once elsewhere.
_PATIENT = {"ENRICH_API__UNTAKEN_SECONDS": "60", "ENRICH_BROKER__PATIENCE_SECONDS": "10"}
_ALL = frozenset(Scope)


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody with a key, who sends requests of one tenant."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)

    def __call__(self, method: str, path: str, **more: Any) -> requests.Response:
        """Send a request; `headers` given here are laid over its own."""
        headers = {**self.headers, **more.pop("headers", {})}
        kept = {name: value for name, value in headers.items() if value is not None}
        return requests.request(method, self.url + path, headers=kept, timeout=100, **more)

    def post(self, path: str, body: object, **more: Any) -> requests.Response:
        """Send JSON."""
        return self("POST", path, json=body, **more)

    def get(self, path: str, **more: Any) -> requests.Response:
        """Ask for something."""
        return self("GET", path, **more)


def make_key(
    keys: AccessKeys,
    prefix: str,
    *,
    tenant: str = "acme",
    scopes: frozenset[Scope] = _ALL,
    expires_at: datetime | None = None,
) -> str:
    """Keep a key with a known prefix; give it whole."""
    whole = key_of(prefix, "x" * 43)
    key = AccessKey(
        prefix=prefix,
        tenant=tenant,
        name="test",
        scopes=scopes,
        created_at=datetime.now(UTC),
        expires_at=expires_at,
    )
    keys.add(key, secret_hash=secret_hash(whole))
    return whole


@contextmanager
def serving(environment: Mapping[str, str], log: Path) -> Iterator[str]:
    """Serve until the block ends; gives the address. It is patient, unless it is told otherwise."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ENRICH_")}
    command = [sys.executable, "-m", "enrich.api"]
    with reserved_port() as port, log.open("wb") as out:
        own = {**kept, **_PATIENT, **environment, "ENRICH_API__PORT": str(port)}
        process = subprocess.Popen(command, cwd=_ROOT, env=own, stdout=out, stderr=out)
        try:
            url = f"http://127.0.0.1:{port}"
            _wait_until_it_serves(process, url, log)
            yield url
        finally:
            process.terminate()
            process.wait(timeout=60)


def _wait_until_it_serves(process: "subprocess.Popen[bytes]", url: str, log: Path) -> None:
    until_s = time.monotonic() + _READY_S
    while time.monotonic() < until_s:
        assert process.poll() is None, log.read_text()
        try:
            requests.get(f"{url}/health/live", timeout=10)
        except (requests.ConnectionError, requests.Timeout):
            time.sleep(0.05)
        else:
            return
    raise AssertionError(log.read_text())
