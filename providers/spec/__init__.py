"""HTTP providers as data: one TOML file each, read, checked and compiled."""

from providers.spec.checking import check
from providers.spec.file import HttpSpec
from providers.spec.loading import (
    CATALOGUE,
    json_schema,
    load,
    load_catalogue,
    load_folder,
    load_text,
)
from providers.spec.skeleton import skeleton

__all__ = [
    "CATALOGUE",
    "HttpSpec",
    "check",
    "json_schema",
    "load",
    "load_catalogue",
    "load_folder",
    "load_text",
    "skeleton",
]
