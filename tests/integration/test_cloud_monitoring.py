"""Numbers arrive at Google Cloud Monitoring, played by a server of the same protocol."""

import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from google.api.metric_pb2 import MetricDescriptor
from google.cloud.monitoring_v3 import CreateTimeSeriesRequest
from google.protobuf.empty_pb2 import Empty

from enrich.domain.metric_events import counted_events, named_ms, standing_events
from enrich.domain.metrics import PROVIDER_CALL, Histogram, Series, Sums, bucket_of
from enrich.telemetry.cloud import CloudMonitoring

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
PREFIX = "custom.googleapis.com/hh_enrich"
SUMS = Sums(
    counters={
        Series("cells_written"): 30,
        Series("rows_embedded"): 3,
        Series("embeddings_skipped"): 1,
        Series("runs_submitted", (("tenant", "acme"),)): 2,
        Series("cache_misses", (("outcome", "unavailable"), ("provider", "a"))): 4,
    },
    timings={Series(PROVIDER_CALL, (("provider", "a"),)): Histogram(buckets={bucket_of(0.1): 9})},
)
ENDED = {"metric": "run.ended", "tenant": "acme", "completed": 5, "cancelled": 1}
EVENTS = [
    *counted_events(SUMS, 60.0),
    *standing_events({"enrich.probe": 7}, {"a": "open", "embeddings": "half_open"}),
    {**ENDED, **named_ms([0.1, 0.2, 0.3])},
]


@dataclass
class Cloud:
    """What was sent, and what is answered."""

    endpoint: str = ""
    status: grpc.StatusCode = grpc.StatusCode.OK
    got: list[CreateTimeSeriesRequest] = field(default_factory=list)

    def take(self, request: CreateTimeSeriesRequest, context: Any) -> Empty:
        self.got.append(request)
        if self.status is not grpc.StatusCode.OK:
            context.abort(self.status, "no")
        return Empty()

    def points(self) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
        """By name and labels."""
        return {
            (one.metric.type.removeprefix(f"{PREFIX}/"), tuple(sorted(one.metric.labels.items()))):
            one.points[0].value.double_value
            for request in self.got
            for one in request.time_series
        }  # fmt: skip


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    played = Cloud()
    handler = grpc.unary_unary_rpc_method_handler(
        played.take,
        request_deserializer=CreateTimeSeriesRequest.deserialize,
        response_serializer=Empty.SerializeToString,
    )
    service = "google.monitoring.v3.MetricService"
    server = grpc.server(ThreadPoolExecutor(2))
    methods = {"CreateTimeSeries": handler}
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(service, methods)])
    played.endpoint = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    yield played
    server.stop(None).wait()


@pytest.fixture
def exporter(cloud: Cloud) -> Iterator[CloudMonitoring]:
    made = CloudMonitoring("my-project", prefix=PREFIX, endpoint=cloud.endpoint)
    yield made
    made.close()


def test_numbers_arrive_under_the_names_that_are_known_there(
    exporter: CloudMonitoring, cloud: Cloud
) -> None:
    sent = exporter.send(EVENTS, NOW, seconds=60.0)

    points, acme = cloud.points(), ("tenant", "acme")
    assert sent == len(points)
    assert {request.name for request in cloud.got} == {"projects/my-project"}
    assert points["job_latency_ms", (("percentile", "p95"), acme)] == 200.0
    assert points["job_completed_count", (acme,)] == 5
    assert points["job_failed_count", (acme,)] == 1
    assert points["queue_depth", (("queue", "enrich.probe"),)] == 7
    assert points["tenant_job_count", (acme,)] == 2
    assert points["embed_success_ratio", ()] == 0.75
    assert points["embed_skipped_count", ()] == 1
    assert points["embed_circuit_state", (("provider", "embeddings"),)] == 0.5
    assert points["provider_circuit_state", (("provider", "a"),)] == 1.0
    assert points["provider_failed_count", (("category", "unavailable"), ("provider", "a"))] == 4
    assert points["cells_per_second", ()] == 0.5


def test_a_count_is_of_its_own_while_and_a_gauge_of_now(
    exporter: CloudMonitoring, cloud: Cloud
) -> None:
    exporter.send(EVENTS, NOW, seconds=60.0)

    spans = {
        MetricDescriptor.MetricKind.Name(one.metric_kind): (
            one.points[0].interval.start_time,
            one.points[0].interval.end_time,
        )
        for request in cloud.got
        for one in request.time_series
    }
    assert spans["CUMULATIVE"] == (NOW - timedelta(seconds=60), NOW)
    assert spans["GAUGE"][1] == NOW


def test_more_than_one_request_may_hold_are_sent_in_several(
    exporter: CloudMonitoring, cloud: Cloud
) -> None:
    many = [{"metric": "queue.depth", "queue": f"q{n}", "messages": n} for n in range(450)]

    assert exporter.send(many, NOW, seconds=60.0) == 450
    assert [len(request.time_series) for request in cloud.got] == [200, 200, 50]


def test_what_is_refused_is_lost_and_told_in_the_log(
    exporter: CloudMonitoring, cloud: Cloud, caplog: pytest.LogCaptureFixture
) -> None:
    cloud.status = grpc.StatusCode.PERMISSION_DENIED

    with caplog.at_level(logging.WARNING):
        assert exporter.send(EVENTS, NOW, seconds=60.0) == 0

    (told,) = [record for record in caplog.records if record.message == "monitoring.not_sent"]
    assert vars(told)["error"] == "PermissionDenied"
