"""Who is let in, and what for: cases I01 to I10 and I36."""

import base64
import hmac
import http.client
import json
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from enrich.domain.access import Scope
from enrich.store.access_keys import PostgresAccessKeys
from tests.integration.api_fixtures import AUDIENCE, ISSUER, bearer, check
from tests.integration.api_process import Caller, make_key

pytestmark = pytest.mark.servers


@pytest.mark.parametrize(
    "header",
    [
        pytest.param(None, id="I01 no header"),
        pytest.param("Bearer", id="I02 no key"),
        pytest.param("Bearer ", id="I02 an empty key"),
        pytest.param("Bearer  {key}", id="I02 two spaces"),
        pytest.param("Basic {key}", id="another scheme"),
        pytest.param("{key}", id="no scheme"),
        pytest.param("Bearer enr_nobodyyy_" + "x" * 43, id="an unknown key"),
        pytest.param("Bearer enr_acmeacme_" + "y" * 43, id="another secret"),
        pytest.param("Bearer " + "z" * 9000, id="I05 9 kB"),
    ],
)
def test_a_request_without_a_valid_credential_is_401(acme: Caller, header: str | None) -> None:
    key = acme.headers["Authorization"].removeprefix("Bearer ")
    sent = None if header is None else header.format(key=key)

    answer = acme.get("/v1/runs", headers={"Authorization": sent})

    check(answer, 401)
    assert answer.headers["www-authenticate"].startswith("Bearer ")


def test_i02_the_scheme_may_be_written_in_any_case(acme: Caller) -> None:
    lower = acme.headers["Authorization"].replace("Bearer", "bEARER")

    assert acme.get("/v1/runs", headers={"Authorization": lower}).status_code == 200


def test_i06_a_key_in_the_address_opens_nothing(acme: Caller) -> None:
    key = acme.headers["Authorization"].removeprefix("Bearer ")

    check(acme.get(f"/v1/runs?access_token={key}", headers={"Authorization": None}), 401)


@pytest.mark.parametrize(
    ("claims", "status"),
    [
        pytest.param({}, 200, id="valid"),
        pytest.param({"exp": -30}, 200, id="I04 expired by 30 s"),
        pytest.param({"exp": -61}, 401, id="I04 expired by 61 s"),
        pytest.param({"nbf": 59}, 200, id="I04 valid in 59 s"),
        pytest.param({"nbf": 90}, 401, id="I04 valid in 90 s"),
        pytest.param({"aud": "other"}, 401, id="I04 another audience"),
        pytest.param({"iss": "https://evil.test"}, 401, id="I04 another issuer"),
        pytest.param({"exp": None}, 401, id="I04 no end"),
        pytest.param({"tenant": None}, 401, id="no tenant"),
        pytest.param({"tenant": 7}, 401, id="a tenant that is a number"),
        pytest.param({"scope": "openid"}, 403, id="no scope of ours"),
    ],
)
def test_a_token_is_checked_in_every_part(
    acme: Caller, signing_key: rsa.RSAPrivateKey, claims: dict[str, Any], status: int
) -> None:
    now = datetime.now(UTC)
    moments = {
        name: now + timedelta(seconds=claims[name])
        for name in ("exp", "nbf")
        if isinstance(claims.get(name), int)
    }

    answer = acme.get("/v1/runs", headers=bearer(_token(signing_key, **{**claims, **moments})))

    assert answer.status_code == status, answer.text


def test_i03_only_our_own_key_and_its_algorithm_are_believed(
    acme: Caller, signing_key: rsa.RSAPrivateKey
) -> None:
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = signing_key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    good = jwt.decode(_token(signing_key), options={"verify_signature": False})
    known, elsewhere = {"kid": "k1"}, {"kid": "k1", "jku": "http://127.0.0.1/keys"}
    forged = {
        "none": jwt.encode(good, None, algorithm="none", headers=known),
        "HS256 with the public key": _signed_by_secret(good, public),
        "a stranger's": jwt.encode(good, stranger, "RS256", headers=known),
        "unknown kid": jwt.encode(good, signing_key, "RS256", headers={"kid": "k2"}),
        "jku": jwt.encode(good, stranger, "RS256", headers=elsewhere),
    }

    told = {name: acme.get("/v1/runs", headers=bearer(t)).status_code for name, t in forged.items()}

    assert told == dict.fromkeys(forged, 401)


@pytest.mark.parametrize(
    ("tenant", "status"),
    [
        pytest.param(None, 400, id="I07 none"),
        pytest.param("other", 403, id="I08 another's"),
        pytest.param("ACME", 403, id="I10 upper case"),
        pytest.param("../x", 400, id="I10 a path"),
        pytest.param("*", 400, id="I10 a star"),
        pytest.param("a" * 300, 400, id="I10 300 characters"),
        pytest.param("a:b", 400, id="I10 a colon"),
        pytest.param("\xe9", 400, id="I10 beyond ASCII"),
        pytest.param("", 400, id="I10 empty"),
    ],
)
def test_the_tenant_must_agree_with_the_credential(
    acme: Caller, tenant: str | None, status: int
) -> None:
    check(acme.get("/v1/runs", headers={"X-Tenant-ID": tenant}), status)


def test_i09_two_tenants_in_one_request_are_400(acme: Caller) -> None:
    place = urlsplit(acme.url)
    with closing(http.client.HTTPConnection(place.netloc, timeout=30)) as connection:
        connection.putrequest("GET", "/v1/runs")
        for name, value in [*acme.headers.items(), ("X-Tenant-ID", "other")]:
            connection.putheader(name, value)
        connection.endheaders()

        assert connection.getresponse().status == 400


@pytest.mark.parametrize(
    ("scopes", "path"),
    [
        pytest.param({Scope.READ}, "/v1/runs", id="I36 reading is not enriching"),
        pytest.param({Scope.READ, Scope.ENRICH}, "/v1/providers/x/breaker", id="nor operating"),
    ],
)
def test_a_credential_does_what_its_scopes_say(
    api: str, access_keys: PostgresAccessKeys, scopes: set[Scope], path: str
) -> None:
    key = make_key(access_keys, f"scope{len(scopes):03d}", scopes=frozenset(scopes))
    caller = Caller(api, {**bearer(key), "X-Tenant-ID": "acme"})

    check(caller.post(path, {"table_id": "x", "force": True}), 403)


def test_an_expired_key_opens_nothing(api: str, access_keys: PostgresAccessKeys) -> None:
    ended_at = datetime.now(UTC) - timedelta(seconds=1)
    key = make_key(access_keys, "expired0", expires_at=ended_at)

    check(Caller(api, {**bearer(key), "X-Tenant-ID": "acme"}).get("/v1/runs"), 401)


def _token(signing_key: rsa.RSAPrivateKey, **more: Any) -> str:
    claims = {
        "sub": "alice",
        "tenant": "acme",
        "scope": "read enrich openid",
        "iss": ISSUER,
        "aud": AUDIENCE,
        "exp": datetime.now(UTC) + timedelta(hours=1),
        **more,
    }
    kept = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(kept, signing_key, algorithm="RS256", headers={"kid": "k1"})


def _signed_by_secret(claims: Mapping[str, Any], secret: bytes) -> str:
    """Sign with a secret, for whoever takes a public key for one."""
    head = {"alg": "HS256", "typ": "JWT", "kid": "k1"}
    parts = [_encoded(json.dumps(part).encode()) for part in (head, claims)]
    return b".".join([*parts, _encoded(hmac.digest(secret, b".".join(parts), "sha256"))]).decode()


def _encoded(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")
