"""The story of the service, by the very commands of its guide."""

import json
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.acceptance.shell import Shell

pytestmark = [pytest.mark.servers, pytest.mark.worker, pytest.mark.proof, pytest.mark.timeout(300)]

_GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "service.md"
_PORT = "9000"
_LEAVE_NOTHING = "trap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n"
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def story() -> dict[str, str]:
    """Give the commands of the guide's story, and the program that it has saved."""
    text = _GUIDE.read_text(encoding="utf-8")
    part = text.partition("## The story\n")[2].partition("\n## ")[0]
    blocks: dict[str, list[str]] = {"sh": [], "python": []}
    for language, block in _BLOCK.findall(part):
        blocks[language].append(block)
    return {language: "\n".join(each) for language, each in blocks.items()}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def test_the_story_of_the_guide_comes_true(bare_shell: Shell) -> None:
    told = story()
    bare_shell.write("told.py", told["python"])
    commands = told["sh"].replace(_PORT, str(free_port()))
    own = bare_shell.own_environment() | {"ENRICH_API__PORT": str(free_port())}
    own["PATH"] = f"{Path(sys.executable).parent}:{own['PATH']}"

    done = subprocess.run(
        ["bash", "-euc", _LEAVE_NOTHING + commands],
        cwd=bare_shell.folder,
        env=own,
        capture_output=True,
        text=True,
        timeout=240,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    job = json.loads((bare_shell.folder / "done.json").read_text())["job"]
    assert (job["status"], job["result"]["embeddingUpserted"]) == ("completed", True)
    assert job["result"]["fields"]["industry"]["provenance"]["provider"]
    found = json.loads((bare_shell.folder / "found.json").read_text())
    assert found["items"][0]["row"] == "cand-1"
    assert (bare_shell.folder / "told.log").read_text() == "verified job.completed\n"
