"""Five measurements: cache, coalescing, parallel probes, lost updates, a provider that is ill."""

import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from random import Random
from statistics import median
from typing import Final

import psycopg2

import enrich.library as enrich
from enrich.bootstrap.places import settings
from enrich.domain.table import Column
from enrich.domain.values import JsonObject
from enrich.ports import NewRow
from tests.benchmarks.seed_table.vendors import CALLS, FIELDS, ILL, WELL

__all__ = ["MEASUREMENTS"]

_THREADS: Final = 16
_COMPANIES, _REQUESTS = 120, 800
_CROWD = 40
_SAME = 25
Found = Mapping[str, float]


def cache() -> Found:
    """Rows of few companies, some of which are in most rows: how many questions never leave."""
    random = Random(7)
    ranks = range(1, _COMPANIES + 1)
    companies = [
        f"Company {rank}"
        for rank in random.choices(ranks, [1 / rank for rank in ranks], k=_REQUESTS)
    ]
    _table("repeats", companies)
    CALLS.clear()
    _at_once(
        [lambda n=n: enrich.enrich_row(table_id="repeats", row_id=str(n))  # type: ignore[misc] # bound now
         for n in range(_REQUESTS)]
    )  # fmt: skip
    questions = _REQUESTS * len(WELL)
    return {
        "questions": questions,
        "calls": len(CALLS),
        "distinct_questions": len(set(CALLS)),
        "hit_rate": 1 - len(CALLS) / questions,
    }


def coalescing() -> Found:
    """Many who ask about one unknown company at once: how many questions one call answers."""
    factors = []
    for round_ in range(5):
        table = f"crowd{round_}"
        _table(table, [f"Crowded {round_}"] * _CROWD)
        CALLS.clear()
        _at_once(
            [lambda n=n, t=table: enrich.enrich_row(table_id=t, row_id=str(n))  # type: ignore[misc] # bound now
             for n in range(_CROWD)],
            threads=_CROWD,
        )  # fmt: skip
        factors.append(_CROWD * len(WELL) / len(CALLS))
    return {"waiting_at_once": _CROWD, "questions_a_call": median(factors)}


def parallel() -> Found:
    """Three providers that a row needs: at once against one after the other."""
    _table("order", [f"Ordered {n}" for n in range(2 * _SAME)])
    took: dict[bool, list[float]] = {True: [], False: []}
    for number in range(2 * _SAME):
        at_once = bool(number % 2)
        started_s = time.perf_counter()
        enrich.enrich_row(table_id="order", row_id=str(number), parallel_probes=at_once)
        took[at_once].append(time.perf_counter() - started_s)
    quick, slow = median(took[True]), median(took[False])
    return {"parallel_ms": quick * 1e3, "sequential_ms": slow * 1e3, "gain": slow / quick}


def updates() -> Found:
    """Columns of the same rows written at once: what is lost here, and by reading and writing."""
    _table("ours", [f"Written {n}" for n in range(_SAME)])
    _at_once(
        [lambda n=n, c=c: enrich.enrich_cell(table_id="ours", row_id=str(n), column_key=c)  # type: ignore[misc] # bound now
         for n in range(_SAME) for c in FIELDS]
    )  # fmt: skip
    _table("naive", [f"Naive {n}" for n in range(_SAME)])
    _at_once([lambda n=n, c=c: _read_and_write(n, c) for n in range(_SAME) for c in FIELDS])  # type: ignore[misc] # bound now
    written = _SAME * len(FIELDS)
    return {
        "written": written,
        "lost": written - _filled("ours"),
        "lost_by_read_and_write": written - _filled("naive"),
    }


def flaky() -> Found:
    """A provider that takes long to fail: rows with the breaker, and without."""
    found: dict[str, float] = {}
    for word in ("true", "false"):
        _again(ENRICH_BREAKER__ENABLED=word, ENRICH_PROVIDERS__NAMES=",".join((*WELL, ILL)))
        table = f"flaky_{word}"
        _table(table, [f"Flaky {word} {n}" for n in range(_SAME * 2)])
        CALLS.clear()
        started_s = time.perf_counter()
        for number in range(_SAME * 2):
            enrich.enrich_row(table_id=table, row_id=str(number))
        name = "with_breaker" if word == "true" else "without"
        found[f"seconds_{name}"] = time.perf_counter() - started_s
        found[f"calls_to_it_{name}"] = sum(vendor == ILL for vendor, _ in CALLS)
        found[f"filled_{name}"] = _filled(table) / (_SAME * 2 * len(FIELDS))
    _again(ENRICH_PROVIDERS__NAMES=",".join(WELL))
    return {**found, "gain": found["seconds_without"] / found["seconds_with_breaker"]}


MEASUREMENTS: Mapping[str, Callable[[], Found]] = {
    "cache": cache,
    "coalescing": coalescing,
    "parallel": parallel,
    "updates": updates,
    "flaky": flaky,
}


def _table(name: str, companies: Sequence[str]) -> None:
    columns = [Column(key="company", field="company_name")]
    columns += [
        Column(key=field, field=field, enriched=True, position=place)
        for place, field in enumerate(FIELDS, start=1)
    ]
    rows = enrich.services().parts.rows
    rows.save_columns("default", name, columns)
    new: list[NewRow] = []
    for number, company in enumerate(companies):
        data: JsonObject = {"company": company}
        new.append(NewRow(key=str(number), data=data))
    rows.import_rows("default", name, new)


def _at_once(work: Sequence[Callable[[], object]], *, threads: int = _THREADS) -> None:
    with ThreadPoolExecutor(threads) as pool:
        for future in [pool.submit(one) for one in work]:
            future.result()


def _read_and_write(row: int, column: str) -> None:
    """Do what a script does: read the row's data, change it, write it back."""
    where = "table_id = (SELECT id FROM tables WHERE name = 'naive') AND key = %s"
    with _LOCAL.connection() as connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT data FROM rows WHERE {where}", (str(row),))
        (data,) = cursor.fetchone() or ({},)
        connection.commit()
        data[column] = f"{column} of row {row}"
        cursor.execute(
            f"UPDATE rows SET data = %s WHERE {where}",
            (psycopg2.extras.Json(data), str(row)),
        )


class _Connections(threading.local):
    """One connection a thread."""

    def connection(self) -> "psycopg2.extensions.connection":
        if not hasattr(self, "own"):
            self.own = psycopg2.connect(os.environ["DATABASE_URL"])
        return self.own


_LOCAL = _Connections()


def _filled(table: str) -> int:
    rows = enrich.services().parts.rows.scan("default", table)
    return sum(bool(row.data.get(field)) for row in rows for field in FIELDS)


def _again(**variables: str) -> None:
    """Read the settings anew, with these."""
    enrich.close()
    os.environ |= variables
    settings.cache_clear()
