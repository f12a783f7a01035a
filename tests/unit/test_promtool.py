"""The rules of `deploy/`, judged and tried out by Prometheus' own tool where it is installed."""

import shutil
import subprocess
from pathlib import Path

import pytest

from enrich.api.exposition import exposed
from enrich.state.metrics_memory import MemoryMetrics

_HERE = Path(__file__).parent
_DEPLOY = _HERE.parents[1] / "deploy" / "prometheus"
_TOOL = shutil.which("promtool")

pytestmark = pytest.mark.skipif(_TOOL is None, reason="no promtool: apt-get install prometheus")


def promtool(*arguments: str | Path, told: bytes = b"") -> "subprocess.CompletedProcess[bytes]":
    command = [str(_TOOL), *map(str, arguments)]
    return subprocess.run(command, input=told, capture_output=True, timeout=110, check=False)


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(("check", "rules", _DEPLOY / "alerts.yaml"), id="rules"),
        pytest.param(
            ("check", "config", "--syntax-only", _DEPLOY / "prometheus.yaml"), id="configuration"
        ),
        pytest.param(("test", "rules", _HERE / "alerts_test.yaml"), id="when alerts fire"),
    ],
)
def test_promtool_has_nothing_to_say(arguments: tuple[str | Path, ...]) -> None:
    done = promtool(*arguments)

    assert done.returncode == 0, (done.stdout + done.stderr).decode()


def test_promtool_takes_what_we_tell() -> None:
    metrics = MemoryMetrics()
    metrics.count("cache_misses", 3, {"provider": "a", "tenant": 'x"é', "outcome": "found"})
    metrics.observe("provider_call", 0.2, {"provider": "a"})

    done = promtool("check", "metrics", told=exposed(metrics.read(), ()))

    assert done.returncode == 0, (done.stdout + done.stderr).decode()
