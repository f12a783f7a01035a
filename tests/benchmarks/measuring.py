"""How a figure comes about: two things in turn, round by round, and the medians of both."""

import gc
import json
import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median

import redis

__all__ = ["ROUNDS", "Figure", "compare", "facts", "store"]

#: Many and short: what else the machine does then meets both sides alike.
ROUNDS = 25
_WARM_UPS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One line of the table: what took how long, and what it is held against.

    Attributes:
        value_us, against_us: medians of the rounds' means, in microseconds.
        ratio: the median of the rounds' own ratios, so that a slow moment hits both sides.
        goal: the ratio that is aimed at, when there is one.
        more: other numbers of the same measurement.
    """

    name: str
    what: str
    against: str
    value_us: float
    against_us: float
    ratio: float
    goal: float | None = None
    more: Mapping[str, float] = field(default_factory=dict)


def compare(
    name: str,
    *,
    what: str,
    work: Callable[[], object],
    against: str,
    bare: Callable[[], object],
    calls: int,
    goal: float | None = None,
    more: Mapping[str, float] | None = None,
) -> Figure:
    """Do `work` and `bare` in alternating rounds of `calls` each."""
    gc.collect()
    for one in (work, bare):
        _mean_us(one, _WARM_UPS)
    rounds = [(_mean_us(work, calls), _mean_us(bare, calls)) for _ in range(ROUNDS)]
    return Figure(
        name=name,
        what=what,
        against=against,
        value_us=median(mine for mine, _ in rounds),
        against_us=median(theirs for _, theirs in rounds),
        ratio=median(mine / theirs for mine, theirs in rounds),
        goal=goal,
        more=more or {},
    )


def _mean_us(work: Callable[[], object], calls: int) -> float:
    start_ns = time.perf_counter_ns()
    for _ in range(calls):
        work()
    return (time.perf_counter_ns() - start_ns) / calls / 1000


def facts(redis_url: str) -> Mapping[str, str | int]:
    """Say on what the figures were measured."""
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        server = client.info("server")
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": os.cpu_count() or 0,
        "machine": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "redis-py": version("redis"),
        "server": f"{server.get('server_name', 'redis')} "
        f"{server.get('valkey_version', server['redis_version'])}",
        "load_before": f"{os.getloadavg()[0]:.1f}",
    }


def store(
    folder: Path, name: str, figures: Sequence[Figure], about: Mapping[str, str | int]
) -> Path:
    """Write the figures of one benchmark as JSON; give the file."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{name}.json"
    whole = {
        "benchmark": name,
        "measured_on": about,
        "rounds": ROUNDS,
        "figures": [asdict(f) for f in figures],
    }
    file.write_text(json.dumps(whole, indent=2, ensure_ascii=False) + "\n")
    return file
