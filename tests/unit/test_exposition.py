"""What Prometheus reads: parsed by its own parser, and equal to what was counted."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import Metric as Family
from prometheus_client.parser import text_string_to_metric_families

from enrich.api.exposition import Reading, exposed
from enrich.domain.metric_names import CATALOGUE, Kind
from enrich.domain.metrics import Sums
from enrich.state.metrics_memory import MemoryMetrics

_ROOT = Path(__file__).parents[2]
_FOUND = {"provider": "acme", "tier": "free", "tenant": "default", "outcome": "found"}
_CALLERS = {"count": "recorder", "observe": "recorder", "_count": "self", "_record": "self"}


def parsed(sums: Sums | None, *readings: Reading) -> dict[str, Family]:
    text = exposed(sums, readings).decode()
    return {family.name: family for family in text_string_to_metric_families(text)}


@pytest.fixture
def metrics() -> MemoryMetrics:
    """An empty recorder."""
    return MemoryMetrics()


def test_a_counter_has_its_labels_and_its_sum(metrics: MemoryMetrics) -> None:
    metrics.count("cache_misses", 3, _FOUND)
    metrics.count("cache_misses", 4, _FOUND)

    (sample,) = parsed(metrics.read())["enrich_cache_misses"].samples

    assert (sample.name, sample.labels, sample.value) == (
        "enrich_cache_misses_total",
        _FOUND,
        7.0,
    )


def test_a_label_that_the_catalogue_lacks_is_added_up_and_never_shown(
    metrics: MemoryMetrics,
) -> None:
    metrics.count("cells_written", 1, {"row": "4711"})
    metrics.count("cells_written", 2, {"row": "4712"})

    (sample,) = parsed(metrics.read())["enrich_cells_written"].samples

    assert (sample.labels, sample.value) == ({}, 3.0)


def test_a_counter_without_labels_begins_at_zero_and_one_with_labels_when_it_is_counted() -> None:
    told = parsed(Sums())

    assert [sample.value for sample in told["enrich_batches_parked"].samples] == [0.0]
    assert "enrich_cache_misses" not in told


def test_where_the_sums_are_not_known_no_counter_falls_to_zero() -> None:
    told = parsed(None, Reading("enrich_up", 0, {"server": "redis"}))

    assert set(told) == {"enrich_up"}


@pytest.mark.parametrize("value", ['a"b', "a\\b", "a\nb", "ü", ""], ids=repr)
def test_any_value_of_a_label_survives_the_format(metrics: MemoryMetrics, value: str) -> None:
    metrics.count("runs_submitted", 1, {"tenant": value})

    (sample,) = parsed(metrics.read())["enrich_runs_submitted"].samples

    assert sample.labels == {"tenant": value}


def test_a_histogram_counts_every_duration_once_in_growing_buckets(metrics: MemoryMetrics) -> None:
    durations = (0.00005, 0.0002, 0.04, 0.05, 3.0, 500.0)
    _observe(metrics, durations)

    samples = parsed(metrics.read())["enrich_provider_call_seconds"].samples

    within = {float(s.labels["le"]): s.value for s in samples if s.name.endswith("_bucket")}
    assert list(within.values()) == sorted(within.values())
    assert within == {bound: sum(duration <= bound for duration in durations) for bound in within}
    told = {s.name.rpartition("_")[2]: s.value for s in samples if "le" not in s.labels}
    assert told == {"count": len(durations), "sum": pytest.approx(sum(durations), abs=1e-5)}


def _observe(metrics: MemoryMetrics, durations: tuple[float, ...]) -> None:
    for duration in durations:
        metrics.observe("provider_call", duration, {"provider": "acme"})


def test_a_reading_is_a_gauge() -> None:
    told = parsed(Sums(), Reading("enrich_queue_messages", 7, {"queue": "enrich.fuse"}))

    family = told["enrich_queue_messages"]
    assert (family.type, family.samples[0].labels) == ("gauge", {"queue": "enrich.fuse"})


def test_a_reading_that_nobody_listed_is_refused() -> None:
    with pytest.raises(KeyError):
        exposed(Sums(), [Reading("enrich_invented", 1)])


@pytest.mark.parametrize("metric", CATALOGUE, ids=lambda metric: metric.name)
def test_a_name_says_its_unit(metric: object) -> None:
    name, kind = metric.name, metric.kind  # type: ignore[attr-defined]

    assert name.startswith("enrich_")
    assert name.endswith("_total") is (kind is Kind.COUNTER)


def test_no_name_and_no_source_is_listed_twice() -> None:
    assert len({m.name for m in CATALOGUE}) == len({m.source for m in CATALOGUE}) == len(CATALOGUE)


def test_everything_that_the_code_counts_is_in_the_catalogue() -> None:
    counted = set(_counted_names())

    assert len(counted) > 20
    assert counted - {metric.source for metric in CATALOGUE} == set()


def _counted_names() -> Iterator[str]:
    """Find the names that are given to a recorder, written there or as a constant."""
    trees = [
        ast.parse(path.read_text())
        for folder in ("enrich", "tasks", "providers")
        for path in sorted((_ROOT / folder).rglob("*.py"))
    ]
    constants = {
        target.id: node.value.value
        for tree in trees
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name) and isinstance(node.value.value, str)
    }
    calls = (n for tree in trees for n in ast.walk(tree) if isinstance(n, ast.Call) and n.args)
    for call in filter(_is_counting, calls):
        for name in _alternatives(call.args[0]):
            if isinstance(name, ast.Constant) and isinstance(name.value, str):
                yield name.value
            elif isinstance(name, ast.Name) and name.id in constants:
                yield constants[name.id]


def _is_counting(call: ast.Call) -> bool:
    if not isinstance(call.func, ast.Attribute):
        return False
    wanted = _CALLERS.get(call.func.attr)
    return wanted is not None and ast.unparse(call.func.value).endswith(wanted)


def _alternatives(name: ast.expr) -> tuple[ast.expr, ...]:
    return (name.body, name.orelse) if isinstance(name, ast.IfExp) else (name,)
