"""Logs and metrics: set-up only; every other module just emits events."""

from enrich.telemetry.logs import configure_logging, show_warnings
from enrich.telemetry.redaction import register_secret

__all__ = ["configure_logging", "register_secret", "show_warnings"]
