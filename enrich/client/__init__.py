"""Send work to enrich from a service that has none of its code running: typed, by name, light.

    client = Client("redis://127.0.0.1:6379/0")         # CELERY_BROKER_URL of `enrich env`
    cell = client.cell("companies", "42", "industry")    # sends, and waits at most `timeout_s`
    reply = client.row.delay("companies", "42")          # sends, and goes on
    cells = reply.get(timeout_s=60)

It speaks Celery's message protocol over redis-py alone: neither Celery nor the engine is imported,
nothing is subscribed to until somebody waits, and nothing is left to say at the interpreter's end.
"""

from enrich.client.aio import AsyncClient, AsyncReply
from enrich.client.requests import Options, RunTotals, Where
from enrich.client.sync import Client, Reply

__all__ = ["AsyncClient", "AsyncReply", "Client", "Options", "Reply", "RunTotals", "Where"]
