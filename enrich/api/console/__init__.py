"""The live console at `/`: a page for people who would rather look than read.

It is plain HTML, CSS and modules, as they lie in `files/`; nothing is built and nothing fetched
from elsewhere. What it shows comes from the same addresses that programs use, and one stream.
"""

from fastapi import FastAPI

from enrich.api.asked import Broker
from enrich.api.console import routes
from enrich.api.console.hub import Hub
from enrich.api.console.page import serve_page
from enrich.api.console.sections import sections_of
from enrich.bootstrap import Services

__all__ = ["serve_console"]


def serve_console(app: FastAPI, services: Services, broker: Broker) -> None:
    """Add the page, its addresses and its stream."""
    app.state.hub = Hub(sections_of(services, broker))
    app.include_router(routes.router)
    serve_page(app)
