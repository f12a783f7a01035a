"""Runs `enrich …` and `python FILE` in forks of one process that has all of it imported.

A page of documentation calls the command a dozen times; loading its libraries each time would take
longer than what it does. A fork begins with nothing but imports: no settings read, nothing built.
"""

import atexit
import json
import os
import runpy
import signal
import socket
import sys
import threading
import traceback
from importlib import import_module
from pathlib import Path
from typing import Any

__all__ = ["SHIM", "serve"]

_MOST_BYTES = 1 << 20

#: Stands for a program in a page's PATH: hands its arguments, environment and streams over.
SHIM = """\
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


def serve(address: str) -> None:
    """Import what commands need, then answer until the process is ended."""
    _import_all()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for what is forked
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen()
        while True:
            link, _ = listener.accept()
            if os.fork() == 0:
                listener.close()
                _answer(link)
            link.close()


def _import_all() -> None:
    from enrich.cli.main import COMMANDS

    for module, _ in COMMANDS.values():
        import_module(f"enrich.cli.{module}")
    for module in ("enrich.library", "enrich.client", "tasks", "providers.registry", "requests"):
        import_module(module)


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
