"""The guard of the unit tests themselves."""

import socket

import pytest
from pytest_socket import SocketBlockedError


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_UNIX], ids=["network", "local"])
def test_unit_tests_can_open_no_socket(family: socket.AddressFamily) -> None:
    # The guard warns before it raises, and a warning is an error here.
    with pytest.raises((SocketBlockedError, UserWarning), match="tried to use"):
        socket.socket(family)
