"""The one place that builds the parts and joins them."""

from enrich.bootstrap.places import Endpoints, endpoints, process_tracer, settings
from enrich.bootstrap.services import Services, build
from enrich.bootstrap.sources import keyring_file

__all__ = [
    "Endpoints",
    "Services",
    "build",
    "endpoints",
    "keyring_file",
    "process_tracer",
    "settings",
]
