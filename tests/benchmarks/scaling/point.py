"""One point of a curve: an installation of its own, one table, the median of a few runs.

`python -m tests.benchmarks.scaling.point` prints it as JSON.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from statistics import median

from enrich.telemetry import configure_logging
from tests.benchmarks.scaling import vendors
from tests.benchmarks.scaling.usage import between, read
from tests.benchmarks.throughput.ours import installed

__all__ = ["main", "measure"]


def measure(
    *, rows: int, workers: int, rounds: int, fields: int, more: Mapping[str, str], parallel: bool
) -> Mapping[str, float]:
    """Run it with these settings; give cells a second (median), and the last round's use."""
    names = vendors.fields_of(fields)
    home = Path(tempfile.mkdtemp(prefix="enrich-b-"))
    try:
        with installed(home, workers=workers, more=more) as it:
            it.batch(it.table(min(rows, 2_000), fields=names))  # warm
            took = []
            for _ in range(rounds):
                table = it.table(rows, fields=names)
                before = read(it)
                took.append(it.batch(table, parallel=parallel))
                used = between(before, read(it), rows=rows, cells=rows * fields)
            filled = it.filled(table, fields=names)
    finally:
        shutil.rmtree(home, ignore_errors=True)
    assert filled == rows * fields, f"{filled} of {rows * fields} cells are filled"
    return {
        "seconds": median(took),
        "rows_a_second": rows / median(took),
        "cells_a_second": rows * fields / median(took),
        **used,
    }


def main(arguments: list[str]) -> int:
    """Measure what the arguments say."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.scaling.point")
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--providers", type=int, default=3)
    parser.add_argument("--fields", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--apart", action="store_true", help="each provider knows its own fields")
    parser.add_argument("--sequential", action="store_true")
    given = parser.parse_args(arguments)
    configure_logging("ERROR")
    for name in ("DATABASE_URL", "REDIS_URL"):
        os.environ.pop(name, None)  # it fills and empties servers: those are its own
    started_s = time.perf_counter()
    more = vendors.environment(providers=given.providers, fields=given.fields, apart=given.apart)
    point = measure(
        rows=given.rows,
        workers=given.workers,
        rounds=given.rounds,
        fields=given.fields,
        more=more,
        parallel=not given.sequential,
    )
    whole = {**point, "whole_s": time.perf_counter() - started_s}
    sys.stdout.write(json.dumps(whole) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
