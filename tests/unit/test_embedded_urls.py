"""Addresses of sockets in the forms of each client."""

from pathlib import Path

import pytest

from enrich.domain.addresses import celery_url, redis_url
from enrich.embedded.urls import postgres_url, valkey_url


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("unix:///run/valkey.sock?db=3", "redis+socket:///run/valkey.sock?virtual_host=3"),
        ("unix:///run/valkey.sock", "redis+socket:///run/valkey.sock?virtual_host=0"),
        ("unix:///a%20b.sock?db=1", "redis+socket:///a%20b.sock?virtual_host=1"),
        ("unix://:secret@/v.sock?db=1", "redis+socket://:secret@/v.sock?virtual_host=1"),
        ("redis://host:6379/2", "redis://host:6379/2"),
        ("rediss://host/0?ssl_cert_reqs=required", "rediss://host/0?ssl_cert_reqs=required"),
    ],
)
def test_address_is_put_in_celerys_form(given: str, expected: str) -> None:
    assert celery_url(given) == expected


@pytest.mark.parametrize(
    "address",
    [
        "unix:///run/valkey.sock?db=3",
        "unix:///a%20b.sock?db=1",
        "unix://:secret@/v.sock?db=1",
        "redis://host:6379/2",
    ],
)
def test_address_comes_back_from_celerys_form(address: str) -> None:
    assert redis_url(celery_url(address)) == address


def test_odd_characters_of_a_path_are_encoded() -> None:
    assert postgres_url(Path("/a b/?&#"), user="u", database="d") == (
        "postgresql://u@/d?host=/a%20b/%3F%26%23&port=5432"
    )
    assert valkey_url(Path("/a b/?#"), db=1) == "unix:///a%20b/%3F%23?db=1"
