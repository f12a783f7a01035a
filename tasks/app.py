"""The Celery application. Nothing is connected or started until its settings are first read."""

from celery import Celery

from tasks.settings import configuration

__all__ = ["app"]

app = Celery(
    "enrich",
    include=["tasks.steps", "tasks.requests", "tasks.schedule", "tasks.lives", "tasks.control"],
)
app.add_defaults(configuration)
