"""Fill the missing cells of a table from many data providers.

The names below are loaded when they are first used, so that `import enrich` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from enrich.library import (
        circuit_breakers,
        clear_enrichment_cache,
        close_redis_connection,
        enrich_cell,
        enrich_cell_v2,
        enrich_row,
        enrich_rows,
        get_cache_stats,
        get_enrichment_metrics,
        prompt_column,
    )

__all__ = [
    "circuit_breakers",
    "clear_enrichment_cache",
    "close_redis_connection",
    "enrich_cell",
    "enrich_cell_v2",
    "enrich_row",
    "enrich_rows",
    "get_cache_stats",
    "get_enrichment_metrics",
    "prompt_column",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module("enrich.library"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
