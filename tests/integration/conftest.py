"""The store's own database, and a real worker with another."""

from pathlib import Path

import pytest

from tests.integration.api_fixtures import access_keys, acme, api, api_log, signing_key
from tests.integration.worker_fixtures import (
    ask,
    celery_backend,
    celery_backend_cluster,
    celery_broker,
    celery_broker_cluster,
    celery_setup_cls,
    celery_worker,
    celery_worker_cluster,
    simulated_model,
    start_worker,
    worker_environment,
    world,
)
from tests.store_fixtures import (
    clean_engine,
    engine_behind_walls,
    store_url,
    walled_engine,
)
from tests.store_fixtures import patient_store_engine as store_engine

__all__ = [
    "access_keys",
    "acme",
    "api",
    "api_log",
    "ask",
    "celery_backend",
    "celery_backend_cluster",
    "celery_broker",
    "celery_broker_cluster",
    "celery_setup_cls",
    "celery_worker",
    "celery_worker_cluster",
    "clean_engine",
    "engine_behind_walls",
    "signing_key",
    "simulated_model",
    "start_worker",
    "store_engine",
    "store_url",
    "walled_engine",
    "worker_environment",
    "world",
]

_HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give time to whoever starts a worker: on a slow machine that alone takes a minute."""
    for item in items:
        is_ours = _HERE in item.path.parents and item.get_closest_marker("worker")
        if is_ours and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(300))
