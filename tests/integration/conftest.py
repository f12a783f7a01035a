"""The store's own database."""

from tests.store_fixtures import clean_engine, store_engine, store_url

__all__ = ["clean_engine", "store_engine", "store_url"]
