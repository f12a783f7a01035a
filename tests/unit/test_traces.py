"""Traces: who pays for them, what is told in them, and how they are drawn."""

import logging
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from enrich.domain.traces import NotedSpan, traces_of, tree_of
from enrich.ports.tracing import NO_TRACES
from enrich.store.tracing import summary_of
from enrich.telemetry import traces
from enrich.telemetry.trace_files import FileExporter, noted, read_spans
from enrich.telemetry.traces import OtelTracer, collecting_tracer, tracer_of, wants_export

MS = 1_000_000
LOOK = """
import sys
from enrich.bootstrap import process_tracer
import tasks
process_tracer()
# What redis-py loads of it for numbers of its own is not asked about.
ours = ("opentelemetry.sdk.trace", "opentelemetry.exporter", "enrich.telemetry.trace_files")
print(sorted(name for name in sys.modules if name.startswith(ours)))
"""


def span(name: str, parent: str = "", *, began: int = 0, took: int = 1, of: str = "t") -> NotedSpan:
    return NotedSpan(
        trace=of,
        id=name,
        parent=parent,
        name=name,
        began_ns=began * MS,
        ended_ns=(began + took) * MS,
    )


@pytest.fixture
def memory() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def tracer(memory: InMemorySpanExporter) -> OtelTracer:
    return collecting_tracer(memory)


def test_who_wants_no_traces_loads_nothing_for_them(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", LOOK],
        env={"ENRICH_HOME": str(tmp_path), "PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert ended.stdout == "[]\n"


@pytest.mark.parametrize(
    ("env", "wanted"),
    [
        pytest.param({}, False, id="nothing is set"),
        pytest.param({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, True, id="endpoint"),
        pytest.param({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c/v1"}, True, id="of traces"),
        pytest.param({"OTEL_TRACES_EXPORTER": "otlp"}, True, id="exporter"),
        pytest.param(
            {"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://c"},
            False,
            id="exporter none wins",
        ),
        pytest.param(
            {"OTEL_SDK_DISABLED": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://c"},
            False,
            id="disabled wins",
        ),
        pytest.param({"OTEL_SERVICE_NAME": "shop"}, False, id="a name alone"),
    ],
)
def test_the_standard_variables_say_whether_traces_leave(
    env: dict[str, str], *, wanted: bool
) -> None:
    assert wants_export(env) is wanted


def test_without_the_packages_traces_are_off_and_the_log_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    monkeypatch.setattr(traces, "_PACKAGES", ("opentelemetry.not_there",))

    with caplog.at_level(logging.WARNING):
        found = tracer_of({}, directory=tmp_path)

    assert found is NO_TRACES
    (hint,) = (vars(one)["hint"] for one in caplog.records if "hint" in vars(one))
    assert "enrich-engine[otel]" in hint


def test_of_an_exception_its_class_is_told_and_not_its_words(
    tracer: OtelTracer, memory: InMemorySpanExporter
) -> None:
    with pytest.raises(ValueError, match="canary"), tracer.span("work"):
        raise ValueError("canary@example.com")

    (only,) = memory.get_finished_spans()
    assert "canary" not in only.to_json()
    assert noted(only).facts == {"error.type": "ValueError"}
    assert noted(only).failed


def test_a_call_out_is_noted_under_the_span_around_it_and_nowhere_else(
    tracer: OtelTracer, memory: InMemorySpanExporter
) -> None:
    tracer.begin("sql nobody asked").end()
    with tracer.span("work"):
        tracer.begin("sql SELECT rows").end()

    inner, outer = map(noted, memory.get_finished_spans())
    assert (inner.name, inner.parent) == ("sql SELECT rows", outer.id)


def test_another_process_and_another_thread_go_on_under_the_same_span(
    tracer: OtelTracer, memory: InMemorySpanExporter
) -> None:
    with tracer.span("send"):
        headers, bound = tracer.carried(), tracer.bound(lambda: tracer.begin("lane").end())
        with ThreadPoolExecutor(1) as pool:
            pool.submit(bound).result()
    with tracer.span("take", parent=headers):
        pass

    by_name = {one.name: one for one in map(noted, memory.get_finished_spans())}
    assert by_name["lane"].parent == by_name["take"].parent == by_name["send"].id
    assert len({one.trace for one in by_name.values()}) == 1


def test_what_is_written_to_a_file_is_read_again(
    tracer: OtelTracer, memory: InMemorySpanExporter, tmp_path: Path
) -> None:
    facts = {"enrich.run": 7, "enrich.cost_credits": 0.5, "enrich.provider": "a", "is": True}
    with tracer.span("work", facts, kind="client"):
        pass

    FileExporter(tmp_path).export(memory.get_finished_spans())
    (path,) = tmp_path.iterdir()
    with path.open("a") as file:
        file.write('{"cut off')

    (read,) = read_spans(tmp_path)
    assert read.name == "work"
    assert read.facts == {**facts, "enrich.run": "7"}
    assert path.stat().st_mode & 0o077 == 0


def test_a_tree_has_children_in_the_order_of_their_beginnings_under_their_parents() -> None:
    spans = [
        span("fuse", "cell", began=9),
        span("ask", "probe", began=3),
        span("cell", took=12),
        span("probe", "cell", began=2),
    ]

    (trace,) = traces_of(spans)
    drawn = [f"{began:g} {branch}{each.name}" for branch, each, began in tree_of(trace)]

    assert drawn == ["0 cell", "2 ├─ probe", "3 │  └─ ask", "9 └─ fuse"]
    assert trace.took_ms == 12


def test_a_span_whose_parent_was_lost_is_shown_at_the_top() -> None:
    (trace,) = traces_of([span("cell"), span("fuse", "killed", began=1)])

    assert [(branch, each.name) for branch, each, _ in tree_of(trace)] == [
        ("", "cell"),
        ("", "fuse"),
    ]


def test_traces_come_the_newest_first() -> None:
    found = traces_of([span("old", of="b"), span("new", began=5, of="a")])

    assert [trace.name for trace in found] == ["new", "old"]


@pytest.mark.parametrize(
    ("statement", "summary"),
    [
        ("SELECT * FROM webhooks WHERE id = 'x'", "SELECT webhooks"),
        ("WITH t AS (UPDATE runs SET a = 1 RETURNING 1) SELECT 1 FROM t", "UPDATE runs"),
        ("INSERT INTO runs (a) VALUES ('secret')", "INSERT runs"),
        ("WITH r AS (SELECT 1 FROM runs) INSERT INTO responses SELECT 1", "INSERT responses"),
        ("WITH d AS (SELECT 1 FROM a FOR UPDATE OF a) DELETE FROM b", "DELETE b"),
        ("SELECT settle_batch(%(run)s)", "SELECT settle_batch"),
        ("SELECT 1 FOR UPDATE SKIP LOCKED", "SELECT"),
        ("SET x = 'secret'", "SET"),
    ],
)
def test_a_statement_is_told_by_its_verb_and_table_alone(statement: str, summary: str) -> None:
    assert summary_of(statement) == summary
