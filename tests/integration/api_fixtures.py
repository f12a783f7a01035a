"""The REST interface of this session, and somebody who may do all for one tenant."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from enrich.store.access_keys import PostgresAccessKeys
from tests.integration.api_process import Caller, make_key, serving
from tests.integration.worker_fixtures import World

__all__ = [
    "AUDIENCE",
    "ISSUER",
    "LARGEST_BODY",
    "access_keys",
    "acme",
    "api",
    "api_log",
    "bearer",
    "check",
    "signing_key",
]

ISSUER, AUDIENCE = "https://login.test", "enrich"
LARGEST_BODY = 200_000


@pytest.fixture(scope="session")
def signing_key() -> rsa.RSAPrivateKey:
    """The key that the interface believes."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(scope="session")
def api_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the interface logs."""
    return tmp_path_factory.mktemp("interface") / "api.log"


@pytest.fixture(scope="session")
def api(
    worker_environment: Mapping[str, str],
    signing_key: rsa.RSAPrivateKey,
    api_log: Path,
) -> Iterator[str]:
    """The interface's address; it believes keys and tokens, and takes bodies of `LARGEST_BODY`."""
    jwk = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(signing_key.public_key()))
    keys = api_log.parent / "keys.json"
    keys.write_text(json.dumps({"keys": [{**jwk, "kid": "k1", "alg": "RS256"}]}))
    own = {
        "ENRICH_API__JWT_KEYS": str(keys),
        "ENRICH_API__JWT_ISSUER": ISSUER,
        "ENRICH_API__JWT_AUDIENCE": AUDIENCE,
        "ENRICH_API__MAX_BODY_BYTES": str(LARGEST_BODY),
    }
    with serving({**worker_environment, **own}, api_log) as url:
        yield url


@pytest.fixture(scope="session")
def access_keys(world: World) -> PostgresAccessKeys:
    """Where the interface finds its keys."""
    return PostgresAccessKeys(world.engine)


@pytest.fixture(scope="session")
def acme(api: str, access_keys: PostgresAccessKeys) -> Caller:
    """Somebody who may do all for the tenant acme."""
    key = make_key(access_keys, "acmeacme")
    return Caller(api, {"Authorization": f"Bearer {key}", "X-Tenant-ID": "acme"})


def bearer(credential: str) -> dict[str, str]:
    """Write the header of a credential."""
    return {"Authorization": f"Bearer {credential}"}


def check(answer: Any, status: int) -> dict[str, Any]:
    """Hold an answer to be a problem document of this status, and give it."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert problem["status"] == status
    assert problem["type"].startswith("urn:enrich:problem:")
    return problem
