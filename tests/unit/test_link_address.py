"""Addresses of Redis that are none."""

import pytest

from enrich.errors import SettingsError
from enrich.state.link import RedisLink


@pytest.mark.parametrize(
    "url", ["", "localhost:6379", "http://localhost", "redis://:secret@host:port/0"], ids=repr
)
def test_a_wrong_address_is_named_without_being_quoted(url: str) -> None:
    with pytest.raises(SettingsError, match="REDIS_URL") as caught:
        RedisLink(url).available()

    assert "secret" not in str(caught.value)
