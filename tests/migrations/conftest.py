"""Databases to migrate."""

from tests.store_fixtures import empty_database_url

__all__ = ["empty_database_url"]
