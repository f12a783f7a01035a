"""An embedded Valkey: its configuration, its start and its end."""

import signal
from pathlib import Path

import redis

from enrich.embedded.account import Account, open_tree, open_way_to, own
from enrich.embedded.home import Home
from enrich.embedded.process import bring_up, launch, stop_process
from enrich.embedded.urls import valkey_url
from enrich.embedded.wheels import installed_with, valkey_binary

__all__ = ["NAME", "answers", "ensure_running", "halt", "url"]

NAME = "valkey"
_START_S, _STOP_S = 60.0, 30.0


def url(home: Home, *, db: int) -> str:
    """Give the address of a database of this home, whether or not the server runs."""
    return valkey_url(_socket(home), db=db)


def answers(home: Home) -> bool:
    """Say whether the server takes commands now; while it loads its data it does not."""
    client = redis.Redis.from_url(url(home, db=0), socket_timeout=5)
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False
    finally:
        client.close()


def ensure_running(home: Home, account: Account) -> bool:
    """Start the server unless it runs; True when it was started now. Call it under the lock.

    Raises:
        EmbeddedServerError: it did not come up; the message holds the end of its log.
    """
    return bring_up(home, NAME, lambda: _start(home, account), answers, deadline_s=_START_S)


def halt(home: Home) -> bool:
    """End the server in good order, its data on disk; False when it was not running."""
    return stop_process(home, NAME, sig=signal.SIGTERM, deadline_s=_STOP_S)


def _start(home: Home, account: Account) -> None:
    binary = valkey_binary()
    data = home.data(NAME)
    own(home.folder(NAME), account)
    own(data, account)
    for path in (binary, data):
        open_way_to(path, account)
    for tree in installed_with(binary):
        open_tree(tree, account)
    home.prepare_sockets(account)
    _socket(home).unlink(missing_ok=True)
    launch(home, NAME, [str(binary), *_options(home, data)], account)


def _options(home: Home, data: Path) -> list[str]:
    options = {
        "port": "0",
        "unixsocket": str(_socket(home)),
        "unixsocketperm": "700",
        "dir": str(data),
        "daemonize": "no",
        "appendonly": "yes",
        "appendfsync": "everysec",
        # A death in the middle of a write leaves half a command at the end: it is cut off.
        "aof-load-truncated": "yes",
        "save": "",
        # A broker must refuse what it cannot keep, never forget what it has.
        "maxmemory-policy": "noeviction",
    }
    return [word for name, value in options.items() for word in (f"--{name}", value)]


def _socket(home: Home) -> Path:
    return home.sockets / "valkey.sock"
