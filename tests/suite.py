"""Run the suite, and once more, alone, the few files in which a test has failed.

Hundreds of processes share the machine while the suite runs, and now and then a test fails for
that. What fails twice has failed. What passes alone is named at the end, so that somebody looks
into it. CPython's test runner does the same in its modes for CI (`--rerun`).
"""

import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

__all__ = ["broken_files", "run"]

#: Where more files than this break, it is no chance.
_FEW = 2
_TESTS_FAILED = 1
#: What pytest-xdist says of a process that is no more.
_CRASHED = "crashed while running"


def run(arguments: Sequence[str]) -> int:
    """Run pytest with these arguments; gives its exit code.

    Or that of a second attempt, which takes none of them, where a few files have failed.
    """
    with TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        code = _pytest(*arguments, f"--junitxml={report}", "-o", "junit_family=xunit1")
        is_told = code == _TESTS_FAILED and report.exists()
        broken = broken_files(report) if is_told else {}
    if not 0 < len(broken) <= _FEW:
        return code
    print(f"\n{_listed(broken)}\nfailed; the files run once more, alone:\n", flush=True)
    again = _pytest(*broken)
    if again == 0:
        print(f"\n{_listed(broken)}\nfailed beside others and passed alone: look into it.")
    return again


def broken_files(report: Path) -> dict[str, list[str]]:
    """List, by file, the tests that a report in JUnit's format says to have failed.

    None where a process of the suite ended before its time: others may not have run at all.
    """
    broken: dict[str, list[str]] = {}
    for case in ET.parse(report).iter("testcase"):
        faults = [*case.findall("failure"), *case.findall("error")]
        if any(_CRASHED in fault.get("message", "") for fault in faults):
            return {}
        if faults:
            broken.setdefault(case.get("file", ""), []).append(case.get("name", ""))
    return {} if "" in broken else broken


def _listed(broken: dict[str, list[str]]) -> str:
    return "\n".join(f"  {file}::{name}" for file, names in broken.items() for name in names)


def _pytest(*arguments: str) -> int:
    return subprocess.run([sys.executable, "-m", "pytest", *arguments], check=False).returncode


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
