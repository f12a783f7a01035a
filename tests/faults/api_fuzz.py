"""`python -m tests.faults.api_fuzz`: schemathesis against the whole service, by its own OpenAPI.

All checks, all phases, stateful ones too, from a seed; further arguments go to the tool. The
service is started for it with a table, its worker and its key; what its programs log while they are
asked must hold no traceback. Ends with 1 when anything is found.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

from rich.console import Console

from enrich.cli.workers import stopped_by_signals
from tests.acceptance.service import Service, serving_all

_ROOT = Path(__file__).parents[2]
_TOOL = _ROOT / "build" / "fuzz" / "bin" / "st"
_HOOKS = "tests.faults.api_fuzz_hooks"
_COMPANIES = "id,company\nrow_123,Apple Inc.\nrow_124,3M\n"
_FAULTS = ("Traceback (most recent call last)", '"level": "error"', '"level": "critical"')


def main() -> int:
    """Run the tool for as long as asked; gives the exit code."""
    asked, more = _arguments()
    settings = {"ENRICH_API__WAIT_SECONDS": "2"}
    with stopped_by_signals(), serving_all("--threads", "8", settings=settings) as service:
        _make_data(service)
        code = _fuzzed(service, asked, more)
        broken = [line for line in service.said().splitlines() if any(f in line for f in _FAULTS)]
    console = Console(highlight=False, soft_wrap=True)
    for line in broken[:20]:
        console.print(line, markup=False)
    console.print(f"{len(broken)} errors in the service's log")
    return code or bool(broken)


def _arguments() -> tuple[argparse.Namespace, list[str]]:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=900)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--tool", type=Path, default=_TOOL, help="where schemathesis is installed")
    return parser.parse_known_args()


def _make_data(service: Service) -> None:
    """Make what the examples of the OpenAPI name: a table with rows, and a candidate."""
    service.shell.write("companies.csv", _COMPANIES)
    service.shell.json("import", "companies.csv", "--table", "companies", "--key", "id")
    service.shell.json("run", "companies", "--columns", "industry,city,country", "--in-process")
    profile = {"candidateId": "cand-1", "payload": {"fullName": "Ada Lovelace"}, "async": False}
    assert service.caller().post("/v1/enrich/profile", profile).status_code in {200, 202}


def _fuzzed(service: Service, asked: argparse.Namespace, more: list[str]) -> int:
    command = [str(asked.tool), f"--config-file={Path(__file__).with_name('api_fuzz.toml')}"]
    command += [
        "run",
        f"{service.url}/openapi.json",
        f"--header=Authorization: Bearer {service.key}",
    ]
    command += ["--header=X-Tenant-ID: default", "--checks=all", f"--seed={asked.seed}"]
    command += [f"--max-time={asked.seconds}", *more]
    own = {"SCHEMATHESIS_HOOKS": _HOOKS, "PYTHONPATH": str(_ROOT)}
    return subprocess.run(command, env=os.environ | own, cwd=service.shell.folder).returncode


if __name__ == "__main__":
    sys.exit(main())
