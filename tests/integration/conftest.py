"""The store's own database, and a real worker with another."""

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
    store_engine,
    store_url,
    walled_engine,
)

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
