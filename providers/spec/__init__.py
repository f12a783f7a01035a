"""HTTP providers as data: one TOML file each, read, checked and compiled."""

from providers.spec.checking import check
from providers.spec.file import HttpSpec
from providers.spec.loading import CATALOGUE, json_schema, load, load_catalogue, load_text

__all__ = ["CATALOGUE", "HttpSpec", "check", "json_schema", "load", "load_catalogue", "load_text"]
