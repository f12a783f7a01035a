"""The table of the library's exceptions, and the secrets that none of them may carry."""

import http.client
import json
import pickle
import socket
from types import ModuleType

import pytest
import requests.exceptions
import urllib3.exceptions

from enrich.domain.outcome import InvalidInput, Malformed, Unavailable
from enrich.domain.secret import Secret
from providers.guard import RefusedAddressError
from providers.http_faults import TABLE, fault_of
from providers.wire import HeadersTooLargeError


def _exceptions_of(library: ModuleType) -> list[type[BaseException]]:
    named = (value for value in vars(library).values() if isinstance(value, type))
    own = library.__name__.partition(".")[0]
    return [
        each
        for each in named
        if issubclass(each, BaseException) and each.__module__.startswith(own)
    ]


@pytest.mark.parametrize(
    "kind",
    _exceptions_of(requests.exceptions) + _exceptions_of(urllib3.exceptions),
    ids=lambda kind: f"{kind.__module__.partition('.')[0]}-{kind.__name__}",
)
def test_every_exception_of_the_library_is_in_the_table(kind: type[BaseException]) -> None:
    assert kind in TABLE


def _wrapped(inner: Exception) -> Exception:
    return requests.exceptions.ConnectionError(
        urllib3.exceptions.ProtocolError("Connection aborted.", inner)
    )


@pytest.mark.parametrize(
    ("exc", "outcome", "is_sent"),
    [
        (requests.exceptions.ReadTimeout("x"), Unavailable("timed out"), True),
        (_wrapped(ConnectionResetError()), Unavailable("the connection broke off"), True),
        (_wrapped(HeadersTooLargeError()), Malformed("the headers are too large"), True),
        (_wrapped(http.client.LineTooLong("x")), Malformed("the reply is no HTTP"), True),
        (_wrapped(RefusedAddressError("x")), InvalidInput("its address is not public"), False),
        (_wrapped(socket.gaierror()), Unavailable("its name does not resolve"), False),
        (
            requests.exceptions.ConnectTimeout(urllib3.exceptions.ConnectTimeoutError("x")),
            Unavailable("connecting timed out"),
            False,
        ),
        (ValueError("x"), Unavailable("the call failed"), True),
    ],
    ids=["late", "reset", "headers", "line", "refused", "name", "connect", "other"],
)
def test_the_innermost_cause_says_what_happened(
    exc: Exception, outcome: object, is_sent: bool
) -> None:
    fault = fault_of(exc)

    assert (fault.outcome, fault.is_sent) == (outcome, is_sent)


def test_a_secret_is_not_shown_encoded_or_pickled() -> None:
    secret = Secret("canary-1234567890")

    assert "canary" not in f"{secret} {secret!r} {[secret]} {secret:>20}"
    assert secret.reveal() == "canary-1234567890"
    with pytest.raises(TypeError):
        json.dumps(secret)
    with pytest.raises(TypeError):
        pickle.dumps(secret)


def test_equal_secrets_are_equal() -> None:
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert len({Secret("a"), Secret("a")}) == 1
