"""One installation as `enrich up` leaves it, and a shell in which the blocks of a page are run."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg2
import pytest
import requests

from enrich import embedded
from tests.docs.pages import ROOT, Block

_READY_S = 90.0
_PAGE_S = 110.0
_EXAMPLES = ROOT / "docs" / "examples"
#: Said in the pages; here another, which is free.
_PORT = "127.0.0.1:8000"
_UP = """\
#!/bin/sh
# One is up already, for all pages; a second of the same home would be refused.
case "$1" in up) exit 0 ;; down) exit 0 ;; esac
exec {shim} "$@"
"""


@dataclass(frozen=True, slots=True)
class Installation:
    """A home with everything running, and programs that stand for those of a user's PATH."""

    home: Path
    bin: Path
    api: str
    database_url: str

    def environment(self) -> dict[str, str]:
        """Give the environment of somebody who has just opened a terminal."""
        ours = ("ENRICH_", "DATABASE_URL", "REDIS_URL", "CELERY_", "PYTHONPATH")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        path = f"{self.bin}:{Path(sys.executable).parent}:{kept['PATH']}"
        return {**kept, "PATH": path, "PYTHONPATH": str(ROOT)}

    def begin_page(self) -> Path:
        """Give a folder to read a page in, below the one in which `enrich up` was begun."""
        return Path(tempfile.mkdtemp(prefix="page-", dir=self.home.parent))

    def empty(self) -> None:
        """Leave no table, as the next page expects."""
        _wait(self._is_emptied, self.home.parent / "log")

    def _is_emptied(self) -> bool:
        try:
            with (
                closing(psycopg2.connect(self.database_url)) as link,
                link,
                link.cursor() as cursor,
            ):
                cursor.execute("TRUNCATE tenants, schedules, credentials CASCADE")
        except psycopg2.errors.DeadlockDetected:  # with what still runs of the page before
            return False
        return True

    def lay_examples(self, folder: Path) -> None:
        """Put the files of the examples where they lie in a checkout."""
        unwanted = shutil.ignore_patterns("node_modules", "built")
        shutil.copytree(_EXAMPLES, folder / "docs" / "examples", ignore=unwanted)

    def run(self, blocks: list[Block], folder: Path) -> tuple[int, str]:
        """Run blocks one after the other in one shell; gives its exit code and all that it said."""
        script = folder / ".page.sh"
        script.write_text("set -eo pipefail\n" + "".join(map(self._step, blocks)))
        said = folder / ".said"
        with said.open("w") as out:
            shell = subprocess.Popen(
                ["bash", script],
                cwd=folder,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
            try:
                code = shell.wait(timeout=_PAGE_S)
            finally:
                with suppress(ProcessLookupError):  # what was begun in the background
                    os.killpg(shell.pid, signal.SIGKILL)
        return code, said.read_text()

    def _step(self, block: Block) -> str:
        text = block.text.replace(_PORT, self.api)
        if block.language == "sh":
            return f"echo '@@ {block}'\n{text}\n"
        end = f"END_OF_{block.line}"
        runner = {"python": "python", "sql": "psql_like"}[block.language]
        name = f".block_{block.line}.{block.language}"
        return f"echo '@@ {block}'\ncat > {name} <<'{end}'\n{text}\n{end}\n{runner} {name}\n"


@pytest.fixture(scope="session")
def installation(warm_enrich: Path) -> Iterator[Installation]:
    """Everything running, as after `enrich up`."""
    folder = Path(tempfile.mkdtemp(prefix="enrich-d-"))  # a socket's path must be short
    home, port = folder / ".enrich", _free_port()
    environment = {**os.environ, "ENRICH_API__PORT": str(port)}
    environment |= {"ENRICH_WEBHOOKS__LOOPBACK": "true", "PYTHONPATH": str(ROOT)}
    for name in ("DATABASE_URL", "REDIS_URL", "ENRICH_HOME"):
        environment.pop(name, None)
    log = (folder / "log").open("wb")
    started: list[subprocess.Popen[bytes]] = []

    def begin(*command: str) -> None:
        started.append(
            subprocess.Popen(
                [sys.executable, *command], cwd=folder, env=environment, stdout=log, stderr=log
            )
        )

    try:
        begin("-m", "enrich.cli", "up", "--threads", "8")
        _wait(lambda: _serves(port), folder / "log")
        database = embedded.start(home, only=[embedded.Server.POSTGRES]).endpoints.database_url
        yield Installation(home, _programs(folder, warm_enrich), f"127.0.0.1:{port}", database)
    finally:
        for process in reversed(started):
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=60)
        embedded.stop(home)
        log.close()
        shutil.rmtree(folder)


def _programs(folder: Path, warm: Path) -> Path:
    programs = folder / "bin"
    programs.mkdir()
    (programs / "python").symlink_to(warm.with_name("python"))
    (programs / "enrich").write_text(_UP.format(shim=warm))
    sql = "import os, sys, psycopg2\nc = psycopg2.connect(os.environ['DATABASE_URL'])\n"
    sql += "c.autocommit = True\nc.cursor().execute(open(sys.argv[1]).read())\n"
    (programs / "psql_like").write_text(
        f'#!/bin/sh\neval "$(enrich env)"\nexec {sys.executable} {programs}/sql.py "$1"\n'
    )
    (programs / "sql.py").write_text(sql)
    for program in programs.iterdir():
        program.chmod(0o755)
    return programs


def _serves(port: int) -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{port}/health/live", timeout=5).ok
    except requests.ConnectionError:
        return False


def _wait(holds: Callable[[], bool], log: Path) -> None:
    until_s = time.monotonic() + _READY_S
    while not holds():
        assert time.monotonic() < until_s, log.read_text()
        time.sleep(0.1)


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
