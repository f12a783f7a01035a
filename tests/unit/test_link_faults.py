"""What each error of redis-py means for us."""

import inspect

import pytest
import redis

from enrich.state.faults import LINK_ERRORS, Fault, fault_of

_ALL = [
    kind
    for _, kind in inspect.getmembers(redis.exceptions, inspect.isclass)
    if issubclass(kind, Exception) and kind.__module__ == redis.exceptions.__name__
]
_ARGUMENTS = {"AskError": ("1 127.0.0.1:1",), "MovedError": ("1 127.0.0.1:1",)}
_OF_CLUSTER_CLIENT = {
    "RedisClusterException",
    "SlotNotCoveredError",
    "CrossSlotTransactionError",
    "InvalidPipelineStack",
    "ChildDeadlockedError",
    "IncorrectPolicyType",
}


@pytest.mark.parametrize("kind", _ALL, ids=lambda kind: kind.__name__)
def test_every_error_of_the_library_is_caught_or_cannot_come_to_us(kind: type[Exception]) -> None:
    assert issubclass(kind, LINK_ERRORS) or kind.__name__ in _OF_CLUSTER_CLIENT


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (redis.TimeoutError("Timeout reading from socket"), Fault.AWAY),
        (redis.BusyLoadingError("LOADING"), Fault.AWAY),
        (redis.ReadOnlyError("READONLY You can't write"), Fault.AWAY),
        (redis.ResponseError("MISCONF Redis is configured to save"), Fault.AWAY),
        (redis.ResponseError("ERR Error running script: @user_script:1: READONLY x"), Fault.AWAY),
        (redis.exceptions.MasterDownError("MASTERDOWN Link with MASTER is down"), Fault.AWAY),
        (redis.ResponseError("NOREPLICAS Not enough good replicas"), Fault.AWAY),
        (redis.OutOfMemoryError("OOM command not allowed"), Fault.FULL),
        (redis.ResponseError("OOM command not allowed, script: x"), Fault.FULL),
        (redis.AuthenticationError("invalid password"), Fault.DENIED),
        (redis.ResponseError("NOAUTH Authentication required."), Fault.DENIED),
        (redis.exceptions.NoPermissionError("no permissions"), Fault.DENIED),
        (redis.exceptions.MovedError("1 127.0.0.1:1"), Fault.CLUSTER),
        (redis.exceptions.ClusterDownError("CLUSTERDOWN Hash slot not served"), Fault.CLUSTER),
        (redis.ResponseError("CROSSSLOT Keys in request"), Fault.CLUSTER),
        (redis.ConnectionError("Connection closed by server."), Fault.STRAY),
        (redis.exceptions.InvalidResponse("Protocol Error: b'x'"), Fault.STRAY),
        (ValueError("invalid literal for int()"), Fault.STRAY),
        (redis.ResponseError("ERR unknown command"), Fault.STRAY),
        (redis.DataError("Invalid input of type"), Fault.OURS),
        (redis.PubSubError("a wrong call"), Fault.OURS),
    ],
    ids=lambda value: (
        value if isinstance(value, str) else f"{type(value).__name__}-{str(value)[:9]}"
    ),
)
def test_an_error_means_its_fault(error: Exception, fault: Fault) -> None:
    assert fault_of(error) is fault


@pytest.mark.parametrize(
    ("cause", "fault"),
    [
        (ConnectionRefusedError(), Fault.AWAY),
        (FileNotFoundError(), Fault.AWAY),
        (OSError("no route to host"), Fault.AWAY),
        (ConnectionResetError(), Fault.STRAY),
        (BrokenPipeError(), Fault.STRAY),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_an_error_of_the_socket_is_seen_through_the_librarys_own(
    cause: OSError, fault: Fault
) -> None:
    error = redis.ConnectionError("Error while connecting")
    error.__cause__ = cause

    assert fault_of(error) is fault
