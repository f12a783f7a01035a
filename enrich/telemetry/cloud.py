"""The exporter to Google Cloud Monitoring: what the log tells once a minute, as time series."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from enrich.domain.cloud_metrics import CloudPoint, cloud_points
from enrich.errors import SettingsError

__all__ = ["CloudMonitoring"]

log = logging.getLogger(__name__)

#: As many as one request may hold.
_MOST = 200
_TIMEOUT_S = 10.0


class CloudMonitoring:
    """Sends points to a project, with the standard credentials of Google's libraries.

    `endpoint` is that of an emulator, spoken to without TLS and credentials.

    Raises:
        SettingsError: the package for it is not installed.
    """

    def __init__(self, project: str, *, prefix: str, endpoint: str = "") -> None:
        try:
            from google.cloud import monitoring_v3
        except ImportError as exc:
            hint = "install enrich-engine[gcp], or unset it"
            raise SettingsError(
                "ENRICH_MONITORING__PROJECT", "needs a package that is not installed", hint=hint
            ) from exc
        self._api = monitoring_v3
        self._project, self._prefix = f"projects/{project}", prefix.rstrip("/")
        self._client: Any = monitoring_v3.MetricServiceClient(transport=self._transport(endpoint))

    def send(self, events: Iterable[Mapping[str, Any]], now: datetime, *, seconds: float) -> int:
        """Send what has been counted within the last `seconds`; gives how many series arrived.

        What is refused or not answered is lost, told in the log, and nobody waits for it.
        """
        series = [self._series(point, now, seconds) for point in cloud_points(events)]
        return sum(
            self._sent(series[first : first + _MOST]) for first in range(0, len(series), _MOST)
        )

    def close(self) -> None:
        """Give back the connection."""
        self._client.transport.close()

    def _sent(self, series: Sequence[Any]) -> int:
        from google.api_core.exceptions import GoogleAPIError
        from google.auth.exceptions import GoogleAuthError

        try:
            self._client.create_time_series(
                name=self._project, time_series=series, timeout=_TIMEOUT_S, retry=None
            )
        except (GoogleAPIError, GoogleAuthError) as exc:
            extra = {"error": type(exc).__name__, "series": len(series)}
            log.warning("monitoring.not_sent", extra=extra)
            return 0
        return len(series)

    def _series(self, point: CloudPoint, now: datetime, seconds: float) -> Any:
        interval: dict[str, Any] = {"end_time": now}
        if point.is_count:
            # A new beginning is a new count from zero, so that nobody has to remember totals.
            interval["start_time"] = now - timedelta(seconds=seconds)
        kind = "CUMULATIVE" if point.is_count else "GAUGE"
        return self._api.TimeSeries(
            metric={"type": f"{self._prefix}/{point.name}", "labels": dict(point.labels)},
            resource={"type": "global", "labels": {}},
            metric_kind=kind,
            value_type="DOUBLE",
            points=[{"interval": interval, "value": {"double_value": point.value}}],
        )

    def _transport(self, endpoint: str) -> Any:
        if not endpoint:
            return "grpc"
        import grpc
        from google.cloud.monitoring_v3.services.metric_service.transports import (
            MetricServiceGrpcTransport,
        )

        return MetricServiceGrpcTransport(channel=grpc.insecure_channel(endpoint))
