"""Runs `enrich …` and `python FILE` in forks of one process that has all of it imported.

The suite calls the command hundreds of times; loading its libraries each time would take longer
than what it does. A fork begins with imports and the data of local providers: no settings read,
nothing built.
"""

import atexit
import gc
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

__all__ = ["begun", "serve", "stand_in"]

_READY_S = 110.0

_MOST_BYTES = 1 << 20

#: Stands for a program: hands its arguments, environment and streams over.
_SHIM = """\
#!{python} -IS
import json, os, socket, sys
from array import array
argv = sys.argv[1:]
if {program!r} == "python" and (not argv or argv[0].startswith("-")):
    os.execv({python!r}, [{python!r}, *argv])
wish = {{"program": {program!r}, "argv": argv, "cwd": os.getcwd(), "env": dict(os.environ)}}
link = socket.socket(socket.AF_UNIX)
link.connect({address!r})
fds = array("i", [0, 1, 2])
raw = json.dumps(wish).encode()
link.sendmsg([len(raw).to_bytes(4, "big")], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)])
link.sendall(raw)
code = link.recv(1)
sys.exit(code[0] if code else 1)
"""


@contextmanager
def begun() -> Iterator[Path]:
    """Begin the process that is forked; gives where it listens, and ends it."""
    with tempfile.TemporaryDirectory(prefix="enrich-z-") as folder:  # a socket's path must be short
        address = Path(folder) / "z"
        process = subprocess.Popen([sys.executable, "-m", "tests.zygote", str(address)])
        try:
            until_s = time.monotonic() + _READY_S
            while not address.exists():
                assert process.poll() is None
                assert time.monotonic() < until_s
                time.sleep(0.05)
            yield address
        finally:
            process.kill()
            process.wait()


def stand_in(place: Path, *, program: str, address: Path) -> Path:
    """Write to `place` what runs "enrich" or "python" in a fork of the process at `address`."""
    place.write_text(_SHIM.format(python=sys.executable, program=program, address=str(address)))
    place.chmod(0o755)
    return place


def serve(address: str) -> None:
    """Load what commands need, then answer until the process is ended."""
    with socket.socket(socket.AF_UNIX) as listener:
        # It is there under its name when it listens, and not before; who comes meanwhile waits.
        listener.bind(f"{address}.new")
        listener.listen()
        Path(f"{address}.new").rename(address)
        _load_all()
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for what is forked
        while True:
            link, _ = listener.accept()
            if os.fork() == 0:
                listener.close()
                _answer(link)
            link.close()


def _load_all() -> None:
    from enrich.cli.main import COMMANDS
    from providers.base import LocalProvider
    from providers.registry import providers

    for module, _ in COMMANDS.values():
        import_module(f"enrich.cli.{module}")
    for module in ("enrich.library", "enrich.client", "tasks", "providers.registry", "requests"):
        import_module(module)
    for provider in providers().values():
        if isinstance(provider, LocalProvider):
            provider.warm()
    gc.freeze()  # forks need not look for cycles among it, which would also copy it


def _answer(link: socket.socket) -> None:
    head, fds, _, _ = socket.recv_fds(link, 4, 3)
    wish = json.loads(_whole(link, int.from_bytes(head, "big")))
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    threading.Thread(target=_die_with, args=(link,), daemon=True).start()
    for number, fd in enumerate(fds):
        os.dup2(fd, number)
        os.close(fd)
    os.environ.clear()
    os.environ.update(wish["env"])
    os.chdir(wish["cwd"])
    sys.path[:0] = [place for place in wish["env"].get("PYTHONPATH", "").split(":") if place]
    code = _run(wish)
    try:
        sys.stdout.flush()
        sys.stderr.flush()
        link.send(bytes([code & 0xFF]))
    finally:
        os._exit(code & 0xFF)


def _die_with(link: socket.socket) -> None:
    """End when the program in whose place we run has been ended."""
    link.recv(1)
    os._exit(143)


def _run(wish: dict[str, Any]) -> int:
    code: Any = 0
    try:
        if wish["program"] == "enrich":
            from enrich.cli.main import main

            sys.argv = ["enrich", *wish["argv"]]
            main()
        else:
            sys.argv = wish["argv"]
            sys.path.insert(0, str(Path(wish["argv"][0]).parent))
            runpy.run_path(wish["argv"][0], run_name="__main__")
    except SystemExit as exc:
        code = exc.code if isinstance(exc.code, int) else int(exc.code is not None)
    except BaseException:  # noqa: BLE001 - as the interpreter does
        traceback.print_exc()
        code = 1
    threading._shutdown()  # type: ignore[attr-defined] # as the interpreter does at its end
    atexit._run_exitfuncs()
    return int(code)


def _whole(link: socket.socket, size: int) -> bytes:
    raw = b""
    while len(raw) < size:
        raw += link.recv(min(size - len(raw), _MOST_BYTES))
    return raw


if __name__ == "__main__":
    serve(sys.argv[1])
