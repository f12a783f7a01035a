"""The Celery side: `celery -A tasks worker`, and tasks to send with `.delay()`."""

from tasks.app import app
from tasks.requests import enrich_cell, enrich_row, enrich_rows, enrich_table
from tasks.schedule import schedule
from tasks.steps import fuse, premium, probe, sweep

__all__ = [
    "app",
    "enrich_cell",
    "enrich_row",
    "enrich_rows",
    "enrich_table",
    "fuse",
    "premium",
    "probe",
    "schedule",
    "sweep",
]
