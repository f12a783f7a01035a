"""What each error of redis-py means for us: one table, read once, at the edge.

AWAY      nobody answers, or not in time: the link is skipped for a while
STRAY     one reply was lost or unreadable: its connection is dropped, the next call is tried
FULL      the server refuses writes for want of memory; reads go on
DENIED    wrong password or forbidden command: loud, because a fallback would hide it
CLUSTER   the server is part of a cluster: unsupported, loud
"""

from enum import StrEnum

import redis

__all__ = ["LINK_ERRORS", "Fault", "fault_of"]


class Fault(StrEnum):
    """What became of a call that did not end well."""

    AWAY = "away"
    STRAY = "stray"
    FULL = "full"
    DENIED = "denied"
    CLUSTER = "cluster"
    OURS = "ours"


#: What a call through redis-py may end with. The last two come out of its parser when the bytes of
#: a reply are damaged (a length that is no number, an error text that is not UTF-8).
LINK_ERRORS = (redis.RedisError, OSError, ValueError, IndexError)

# Searched from the top: the narrower class stands first.
_BY_CLASS: tuple[tuple[type[BaseException], Fault], ...] = (
    (redis.exceptions.AuthenticationError, Fault.DENIED),
    (redis.exceptions.AuthorizationError, Fault.DENIED),
    (redis.exceptions.AuthenticationWrongNumberOfArgsError, Fault.DENIED),
    (redis.exceptions.NoPermissionError, Fault.DENIED),
    (redis.exceptions.ExternalAuthProviderError, Fault.DENIED),
    (redis.exceptions.OutOfMemoryError, Fault.FULL),
    (redis.exceptions.MasterDownError, Fault.AWAY),
    (redis.exceptions.ClusterError, Fault.CLUSTER),
    (redis.exceptions.AskError, Fault.CLUSTER),
    (redis.exceptions.TryAgainError, Fault.CLUSTER),
    (redis.exceptions.ClusterCrossSlotError, Fault.CLUSTER),
    (redis.exceptions.BusyLoadingError, Fault.AWAY),
    (redis.exceptions.ReadOnlyError, Fault.AWAY),
    (redis.exceptions.TimeoutError, Fault.AWAY),
    (TimeoutError, Fault.AWAY),
    (ConnectionRefusedError, Fault.AWAY),
    (FileNotFoundError, Fault.AWAY),
    (redis.exceptions.MaxConnectionsError, Fault.STRAY),
    (redis.exceptions.DataError, Fault.OURS),
    (redis.exceptions.PubSubError, Fault.OURS),
    (redis.exceptions.WatchError, Fault.OURS),
    (redis.exceptions.LockError, Fault.OURS),
)

# Errors that the server names by the first word of its answer and redis-py has no class for.
_BY_WORD = {
    "NOAUTH": Fault.DENIED,
    "WRONGPASS": Fault.DENIED,
    "NOPERM": Fault.DENIED,
    "OOM": Fault.FULL,
    "MOVED": Fault.CLUSTER,
    "ASK": Fault.CLUSTER,
    "CROSSSLOT": Fault.CLUSTER,
    "CLUSTERDOWN": Fault.CLUSTER,
    "MISCONF": Fault.AWAY,
    "LOADING": Fault.AWAY,
    "READONLY": Fault.AWAY,
    "NOREPLICAS": Fault.AWAY,
    "MASTERDOWN": Fault.AWAY,
    "BUSY": Fault.AWAY,
}


def fault_of(error: BaseException) -> Fault:
    """Say what an error means; what the tables do not know is one stray fault."""
    for kind, fault in _BY_CLASS:
        if isinstance(error, kind):
            return fault
    named = _named_by_server(error)
    if named is not None:
        return named
    # redis-py wraps what connect() raised in an error of its own.
    cause = error.__cause__ or error.__context__
    if isinstance(cause, OSError):
        return _of_socket(cause)
    return Fault.STRAY


def _named_by_server(error: BaseException) -> Fault | None:
    text = str(error)
    # An error inside of a Lua script comes with the script's own words around it.
    words = text.replace(":", " ").split()
    head = _BY_WORD.get(words[0]) if words else None
    if head is not None or not isinstance(error, redis.ResponseError):
        return head
    return next((_BY_WORD[word] for word in words if word in _BY_WORD), None)


def _of_socket(error: OSError) -> Fault:
    # A reset or a closed pipe took one connection; anything else says that no server is there.
    return Fault.STRAY if isinstance(error, ConnectionResetError | BrokenPipeError) else Fault.AWAY
