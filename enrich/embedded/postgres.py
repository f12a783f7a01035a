"""An embedded PostgreSQL: its data folder, its configuration, its start and its end."""

import os
import shutil
import signal
from pathlib import Path

import psycopg2

from enrich.embedded.account import Account, open_tree, open_way_to, own
from enrich.embedded.home import Home, locked
from enrich.embedded.process import bring_up, launch, run_once, stop_process
from enrich.embedded.urls import POSTGRES_PORT, postgres_url
from enrich.embedded.wheels import installed_with, postgres_binary

__all__ = ["NAME", "answers", "ensure_running", "halt", "url"]

NAME = "postgres"
_USER = _DATABASE = "enrich"
_INITDB_S, _START_S, _STOP_S = 120.0, 60.0, 30.0

#: Reached by its socket alone, whose folder is its owner's; so it asks for no password.
_CONFIG = """\
listen_addresses = ''
unix_socket_directories = '{sockets}'
port = {port}
unix_socket_permissions = 0700
max_connections = 200
shared_buffers = 128MB
max_wal_size = 512MB
max_parallel_workers_per_gather = 0
jit = off
timezone = 'UTC'
log_timezone = 'UTC'
log_line_prefix = '%m [%p] '
log_checkpoints = off
"""


def url(home: Home, database: str = _DATABASE) -> str:
    """Give the address of a database of this home, whether or not the server runs."""
    return postgres_url(home.sockets, user=_USER, database=database)


def answers(home: Home) -> bool:
    """Say whether the server takes connections now."""
    try:
        psycopg2.connect(url(home, "postgres"), connect_timeout=5).close()
    except psycopg2.OperationalError:
        return False
    return True


def ensure_running(home: Home, account: Account) -> bool:
    """Start the server unless it runs; True when it was started now. Call it under the lock.

    Raises:
        EmbeddedServerError: it did not come up; the message holds the end of its log.
    """
    started = bring_up(home, NAME, lambda: _start(home, account), answers, deadline_s=_START_S)
    _ensure_database(home)
    return started


def halt(home: Home) -> bool:
    """End the server in good order, connections cut; False when it was not running."""
    return stop_process(home, NAME, sig=signal.SIGINT, deadline_s=_STOP_S)


def _start(home: Home, account: Account) -> None:
    binary = postgres_binary("postgres")
    data = home.data(NAME)
    own(home.folder(NAME), account)
    for path in (binary, data):
        open_way_to(path, account)
    for tree in installed_with(binary):
        open_tree(tree, account)
    if not data.exists():
        # A lock of its own: an initdb whose starter was killed is still at work.
        with locked(home.root / "initdb.lock") as lock:
            _initialise(home, account, lock)
    sockets = home.prepare_sockets(account)
    _forget_last_life(data, sockets)
    config = data / "postgresql.auto.conf"
    _write(config, _CONFIG.format(sockets=sockets, port=POSTGRES_PORT), account)
    launch(home, NAME, [str(binary), "-D", str(data)], account)


def _initialise(home: Home, account: Account, lock: int) -> None:
    # The data folder appears whole or not at all: it gets its name when it is complete.
    draft = home.folder(NAME) / "data.draft"
    shutil.rmtree(draft, ignore_errors=True)
    command = [
        str(postgres_binary("initdb")),
        f"--pgdata={draft}",
        f"--username={_USER}",
        "--auth=trust",
        "--encoding=UTF8",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
        "--locale=C",
        "--no-instructions",
    ]
    run_once(command, log=home.log(NAME), account=account, lock=lock, timeout_s=_INITDB_S)
    draft.rename(home.data(NAME))


def _forget_last_life(data: Path, sockets: Path) -> None:
    # Whoever holds `alive` is gone, so these are stale, even if their process number is in use
    # again; PostgreSQL by itself would refuse to start then.
    for path in (data / "postmaster.pid", *sockets.glob(".s.PGSQL.*")):
        path.unlink(missing_ok=True)


def _write(path: Path, text: str, account: Account) -> None:
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    if not account.is_me:
        os.chown(path, account.uid, account.gid)


def _ensure_database(home: Home) -> None:
    connection = psycopg2.connect(url(home, "postgres"))
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (_DATABASE,))
            if cursor.fetchone() is None:
                cursor.execute(f"CREATE DATABASE {_DATABASE}")
    finally:
        connection.close()
