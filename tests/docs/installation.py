"""One installation as `enrich up` leaves it, and a shell in which the blocks of a page are run."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg2
import requests

from enrich import embedded
from tests.docs.pages import ROOT, Block
from tests.ports import reserved_port

__all__ = ["Installation", "running"]

_READY_S = 120.0
_PAGE_S = 480.0
_END_S = 120.0
_EXAMPLES = ROOT / "docs" / "examples"
#: Where the pages say that the interface is.
_API = "8000"
_PORT = re.compile(r"127\.0\.0\.1:(\d{4})\b")
_ENRICH = """\
#!/bin/sh
# One is up already, for all pages; a second of the same home would be refused. It says what that
# one said, with a new key: what earlier pages left is forgotten, and with it the key of then.
if [ "$1" = up ]; then
  key=$({warm} keys create {scopes} 2> /dev/null)
  sed -n '/^  database /,/stops all of it/{{ s/^  key  .*/  key       '"$key/;p;}}" {log}
  exec sleep 600
fi
exec {warm} "$@"
"""
_SCOPES = "--scope read --scope enrich --scope operate --scope operate_all"
_SQL = """\
import os, sys, psycopg2
link = psycopg2.connect(os.environ["DATABASE_URL"])
link.autocommit = True
link.cursor().execute(open(sys.argv[1]).read())
"""
_RUN_SQL = """\
#!/bin/sh
eval "$(enrich env)"
exec {python} {script} "$1"
"""


@dataclass(frozen=True, slots=True)
class Installation:
    """A home with everything running, and programs that stand for those of a user's PATH."""

    home: Path
    bin: Path
    api_port: int
    database_url: str

    @property
    def log(self) -> Path:
        """What `enrich up` and all that it started have printed."""
        return self.home.parent / "log"

    def environment(self) -> dict[str, str]:
        """Give the environment of somebody who has just opened a terminal."""
        path = f"{self.bin}:{Path(sys.executable).parent}:{os.environ['PATH']}"
        own = {"PATH": path, "PYTHONPATH": str(ROOT), "ENRICH_API__PORT": str(self.api_port)}
        # What is laid up from an earlier time will do, and nothing is told to the registry.
        quick = {"npm_config_prefer_offline": "true", "npm_config_audit": "false"}
        return _foreign() | own | quick | {"npm_config_fetch_retries": "5"}

    def begin_page(self) -> Path:
        """Give a folder to read a page in, below the one in which `enrich up` was begun."""
        self._empty()
        folder = Path(tempfile.mkdtemp(prefix="page-", dir=self.home.parent))
        (folder / "traces").symlink_to(self.home.parent / "traces")
        unwanted = shutil.ignore_patterns("node_modules", "built")
        shutil.copytree(_EXAMPLES, folder / "docs" / "examples", ignore=unwanted)
        return folder

    def run(self, blocks: Sequence[Block], folder: Path) -> tuple[int | None, str]:
        """Run blocks one after the other in one shell; gives its exit code and all that it said.

        There is no exit code when it has not ended in time.
        """
        script, said = folder / ".page.sh", folder / ".said"
        steps = "".join(map(_step, blocks))
        with said.open("w") as out, ExitStack() as ends:
            script.write_text("set -eo pipefail\n" + _with_free_ports(steps, self.api_port, ends))
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
                with suppress(subprocess.TimeoutExpired):
                    shell.wait(timeout=_PAGE_S)
                code = shell.poll()
            finally:
                with suppress(ProcessLookupError):  # what was begun in the background
                    os.killpg(shell.pid, signal.SIGKILL)
        shell.wait()
        return code, said.read_text()

    def _empty(self) -> None:
        _wait(self._is_emptied, self.log)

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


@contextmanager
def running(warm: Path) -> Iterator[Installation]:
    """Keep everything running, as after `enrich up`; `warm` is what the shell calls `enrich`."""
    with ExitStack() as ends:
        folder = Path(tempfile.mkdtemp(prefix="enrich-d-"))  # a socket's path must be short
        ends.callback(shutil.rmtree, folder)
        (folder / "traces").mkdir()
        home, port = folder / ".enrich", ends.enter_context(reserved_port())
        ends.callback(embedded.stop, home)
        _begin(ends, folder, port)
        _wait(lambda: _serves(port), folder / "log")
        database = embedded.start(home, only=[embedded.Server.POSTGRES]).endpoints.database_url
        yield Installation(home, _programs(folder, warm), port, database)


def _begin(ends: ExitStack, folder: Path, port: int) -> None:
    own = {
        "ENRICH_API__PORT": str(port),
        "ENRICH_TRACES__DIRECTORY": str(folder / "traces"),
        "PYTHONPATH": str(ROOT),
    }
    log = ends.enter_context((folder / "log").open("wb"))
    command = [sys.executable, "-m", "enrich.cli", "up", "--threads", "8", "--no-flower"]
    process = subprocess.Popen(command, cwd=folder, env=_foreign() | own, stdout=log, stderr=log)
    ends.callback(process.wait, timeout=_END_S)
    ends.callback(process.terminate)


def _foreign() -> dict[str, str]:
    """Give what is set of variables that are none of ours."""
    ours = ("ENRICH_", "DATABASE_URL", "REDIS_URL", "CELERY_", "PYTHONPATH")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


def _programs(folder: Path, warm: Path) -> Path:
    programs, script = folder / "bin", folder / "sql.py"
    programs.mkdir()
    (programs / "python").symlink_to(warm.with_name("python"))
    script.write_text(_SQL)
    enrich = _ENRICH.format(warm=warm, scopes=_SCOPES, log=folder / "log")
    (programs / "enrich").write_text(enrich)
    (programs / "run_sql").write_text(_RUN_SQL.format(python=sys.executable, script=script))
    for program in programs.iterdir():
        program.chmod(0o755)
    return programs


def _step(block: Block) -> str:
    said = f"echo '@@ {block}'\n"
    if block.language == "sh":
        return f"{said}{block.text}\n"
    end, name = f"END_OF_{block.line}", block.saved_as or f".block_{block.line}.{block.language}"
    written = f"{said}cat > {name} <<'{end}'\n{block.text}\n{end}\n"
    runner = {"python": "python", "sql": "run_sql"}[block.language]
    return written if block.saved_as else f"{written}{runner} {name}\n"


def _with_free_ports(steps: str, api_port: int, ends: ExitStack) -> str:
    """Put ports that are free here in the place of those that a page names."""
    for named in sorted(set(_PORT.findall(steps))):
        free = api_port if named == _API else ends.enter_context(reserved_port())
        steps = re.sub(rf"\b{named}\b", str(free), steps)
    return steps


def _serves(port: int) -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{port}/health/live", timeout=5).ok
    except requests.RequestException:
        return False


def _wait(holds: Callable[[], bool], log: Path) -> None:
    until_s = time.monotonic() + _READY_S
    while not holds():
        assert time.monotonic() < until_s, log.read_text()
        time.sleep(0.1)
