"""The cache: a cell that is known, and many rows at once."""

import redis

import enrich.library as enrich
from enrich.domain.policy import CachePolicy
from enrich.domain.table import Column
from enrich.domain.values import JsonObject
from enrich.engine.fuse import cell_name
from enrich.ports import CacheEntry, NewRow
from enrich.state.cache import RedisCache
from enrich.state.names import key_of
from tests.benchmarks.measuring import Figure, compare
from tests.benchmarks.places import Place

__all__ = ["cell_hit", "many_rows"]

_CALLS, _ROWS = 100, 100


def cell_hit(place: Place) -> list[Figure]:
    """A known cell through `enrich_cell`, against a GET of a value of the same size."""
    _make_table()
    if not _ask():
        _ask()
    assert _ask(), "the second question must be a hit"
    key = key_of(place.version, "cell", "default", cell_name("companies", "1", "industry"))
    with place.bare() as bare:
        size = int(bare.strlen(key))
        bare.set("enrich-bench-value", b"x" * size, ex=600)
        figure = compare(
            "cell cache hit",
            what="enrich_cell of a known cell",
            work=_ask,
            against="bare GET of as many bytes",
            bare=lambda: bare.get("enrich-bench-value"),
            calls=_CALLS,
            goal=3.0,
            more={"value_bytes": size},
        )
    enrich.close()
    return [figure]


def many_rows(place: Place) -> list[Figure]:
    """One look-up of a hundred rows, against a hundred look-ups of one."""
    link = place.link()
    cache = RedisCache(link, "response", CachePolicy(version=place.version))
    names = [f"row{number}" for number in range(_ROWS)]
    payload: JsonObject = {"outcome": {"kind": "found", "observations": {"industry": "Tools"}}}
    cache.put_many("default", {name: CacheEntry(payload=payload, ttl_s=600) for name in names})
    figure = compare(
        "batch look-up",
        what=f"get_many of {_ROWS} names",
        work=lambda: cache.get_many("default", names),
        against=f"{_ROWS} times get_many of one",
        bare=lambda: [cache.get_many("default", [name]) for name in names],
        calls=3,
    )
    link.close()
    return [figure, _against_mget(place, names)]


def _against_mget(place: Place, names: list[str]) -> Figure:
    link = place.link()
    cache = RedisCache(link, "response", CachePolicy(version=place.version))
    with place.bare() as bare:
        keys = [cache.key_of("default", name) for name in names]
        figure = compare(
            "batch look-up, bare",
            what=f"get_many of {_ROWS} names",
            work=lambda: cache.get_many("default", names),
            against=f"bare MGET of {_ROWS} keys",
            bare=lambda: _mget(bare, keys),
            calls=25,
        )
    link.close()
    return figure


def _mget(client: redis.Redis, keys: list[str]) -> object:
    return client.mget(keys)


def _make_table() -> None:
    rows = enrich.services().parts.rows
    columns = [
        Column(key="company", field="company_name"),
        Column(key="industry", field="industry", enriched=True, position=1),
    ]
    rows.save_columns("default", "companies", columns)
    rows.import_rows("default", "companies", [NewRow(key="1", data={"company": "Apple Inc."})])


def _ask() -> bool:
    cell = enrich.enrich_cell(table_id="companies", row_id="1", column_key="industry")
    return cell.metadata.cache_hit
