"""HTTP providers as data: one TOML file each, read, checked and compiled."""

from providers.spec.file import HttpSpec
from providers.spec.loading import CATALOGUE, json_schema, load, load_catalogue, load_text

__all__ = ["CATALOGUE", "HttpSpec", "json_schema", "load", "load_catalogue", "load_text"]
