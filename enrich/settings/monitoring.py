"""The settings of the exporter to Google Cloud Monitoring."""

from typing import Annotated

from pydantic import Field

from enrich.settings.values import Values

__all__ = ["MonitoringSettings"]


class MonitoringSettings(Values):
    """Into which project numbers go, once a minute; unset: into none.

    They are called `<prefix>/job_latency_ms` and so on: `custom.googleapis.com/hh_enrich` keeps the
    dashboards of the service that was there before. `endpoint` is `host:port` of an emulator.
    """

    project: Annotated[str, Field(pattern=r"^[a-z0-9:.-]{1,100}$")] | None = None
    prefix: Annotated[str, Field(pattern=r"^(custom|workload)\.googleapis\.com/[\w/]{1,100}$")] = (
        "custom.googleapis.com/enrich"
    )
    endpoint: Annotated[str, Field(pattern=r"^[\w.-]+:\d{1,5}$")] | None = None
