"""An address that somebody else has is refused before anything is started there."""

import socket
from collections.abc import Iterator

import pytest

from enrich.cli.ports import listens, refuse_taken, why_not
from enrich.errors import BadInputError
from enrich.settings import ApiSettings

_HOST = "127.0.0.1"


@pytest.fixture
def strangers() -> Iterator[int]:
    """A port at which another program listens."""
    with socket.create_server((_HOST, 0)) as stranger:
        yield int(stranger.getsockname()[1])


def test_a_strangers_port_is_refused_with_the_way_out(strangers: int) -> None:
    with pytest.raises(BadInputError) as caught:
        refuse_taken(ApiSettings(host=_HOST, port=strangers))

    assert caught.value.field == "ENRICH_API__PORT"
    assert f"{_HOST}:{strangers} cannot be had (Address already in use)" in str(caught.value)


@pytest.mark.parametrize("host", [_HOST, "localhost", "0.0.0.0"], ids=str)
def test_a_free_port_is_not_refused_and_nobody_listens_there(host: str, strangers: int) -> None:
    with socket.create_server((_HOST, 0)) as probe:
        free = int(probe.getsockname()[1])

    refuse_taken(ApiSettings(host=host, port=free))
    assert (listens(_HOST, free), listens(_HOST, strangers)) == (False, True)


def test_a_host_that_is_not_ours_is_said() -> None:
    assert why_not("192.0.2.1", 8000)
