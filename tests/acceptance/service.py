"""The whole service as a person starts it: `enrich up` in a home of its own, and its first key."""

import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

from enrich import embedded
from tests.acceptance.shell import Shell, listen_to_interrupts
from tests.integration.api_process import Caller
from tests.ports import reserved_port

__all__ = ["Service", "serving_all"]

_ROOT = Path(__file__).parents[2]
_READY_S = 120.0
_END_S = 120.0
_KEY = re.compile(r"^  key +(enr_\S+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Service:
    """A running service. `key` may do all for the tenant `default`; `log` is all that it says."""

    url: str
    key: str
    shell: Shell
    log: Path
    process: "subprocess.Popen[bytes]"

    def caller(self) -> Caller:
        """Give somebody who calls it with its first key."""
        headers = {"Authorization": f"Bearer {self.key}", "X-Tenant-ID": "default"}
        return Caller(self.url, headers)

    def said(self) -> str:
        """Read all that it has printed."""
        return self.log.read_text(errors="replace")


@contextmanager
def serving_all(
    *arguments: str, settings: Mapping[str, str] | None = None, home: Path | None = None
) -> Iterator[Service]:
    """Run `enrich up` with these arguments and settings; all of it ends with the block.

    `home` is kept where one is given; its folder must have a short path.
    """
    with reserved_port() as port:
        yield from _serving_all(port, arguments, settings or {}, home)


def _serving_all(
    port: int, arguments: tuple[str, ...], settings: Mapping[str, str], home: Path | None
) -> Iterator[Service]:
    folder = home or Path(tempfile.mkdtemp(prefix="enrich-s-"))
    own = {
        "ENRICH_HOME": str(folder / "home"),
        "ENRICH_API__PORT": str(port),
        "PYTHONPATH": str(_ROOT),
        "PYTHONUNBUFFERED": "1",
        **settings,
    }
    shell, log = Shell(folder, own), folder / "up.log"
    process = _begun(shell, log, arguments)
    try:
        url = f"http://127.0.0.1:{own['ENRICH_API__PORT']}"
        yield Service(url, _key_when_ready(process, url, log), shell, log, process)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=_END_S)
        embedded.stop(folder / "home")
        if home is None:
            shutil.rmtree(folder)


def _begun(shell: Shell, log: Path, arguments: tuple[str, ...]) -> "subprocess.Popen[bytes]":
    with log.open("wb") as out:
        return subprocess.Popen(
            [sys.executable, "-m", "enrich.cli", "up", "--no-flower", *arguments],
            cwd=shell.folder,
            env=shell.own_environment(),
            stdout=out,
            stderr=out,
            start_new_session=True,
            preexec_fn=listen_to_interrupts,
        )


def _key_when_ready(process: "subprocess.Popen[bytes]", url: str, log: Path) -> str:
    until_s = time.monotonic() + _READY_S
    while time.monotonic() < until_s:
        said = log.read_text(errors="replace")
        assert process.poll() is None, said
        if "Ctrl-C stops all of it" in said and _answers(url):
            found = _KEY.search(said)
            return found[1] if found else ""
        time.sleep(0.1)
    raise AssertionError(log.read_text(errors="replace"))


def _answers(url: str) -> bool:
    try:
        return requests.get(f"{url}/health/ready", timeout=5).status_code == 200
    except requests.RequestException:
        return False
