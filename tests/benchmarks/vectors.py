"""`python -m tests.benchmarks.vectors`: which share of the nearest rows is found, and how fast.

The vectors are of made-up people, each the sum of what `hashing-256` gives for its words, so that
many lie near one another, as they do in life. Each question is put to the store as the service
does, and beside it the nearest are counted out exactly.
"""

import argparse
import json
import random
import sys
import time
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import psycopg2
from psycopg2.extras import execute_values
from rich.console import Console

from enrich.cli.workers import stopped_by_signals
from enrich.domain.table import Column
from enrich.ports.vectors import EmbeddingModel
from enrich.store.engine import make_engine
from enrich.store.rows import PostgresRowStore
from enrich.store.vectors import PostgresVectors
from providers.embedding.hashing import HASHING, HashingEmbedder
from tests.benchmarks.places import Place, opened

_FILE = Path(__file__).parents[2] / "build" / "bench" / "vectors.json"
_TENANT, _TABLE, _K = "bench", "candidates", 10
_PORTION = 2_000
_NUMPY = orjson.OPT_SERIALIZE_NUMPY
_INDEX = "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = %s AND indexdef ~ 'hnsw'"
_WORDS = {
    "first": "Ada Grace Emmy Sofia Marie Lise Chien Rosa Vera Dora Hedy Maria Ida Olga Joan",
    "last": "Lovelace Hopper Noether Kovalevskaya Curie Meitner Wu Franklin Rubin Maar Lamarr",
    "job": "engineer nurse teacher analyst lawyer baker welder architect chemist pilot editor",
    "city": "London Zurich Boston Madrid Oslo Lagos Lima Delhi Osaka Perth Turin Lyon Gdansk",
    "firm": "Acme Globex Initech Umbrella Hooli Stark Wayne Tyrell Cyberdyne Soylent Vandelay",
    "skill": "python welding sales algebra spanish surgery excel poetry law chess piano logistics",
}


def main() -> int:
    """Measure, print and write."""
    asked = _arguments()
    with stopped_by_signals(), opened() as place:
        told = _measured(place, asked.rows, asked.questions)
    _FILE.parent.mkdir(parents=True, exist_ok=True)
    _FILE.write_text(json.dumps(told, indent=2) + "\n")
    Console().print_json(data=told)
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--questions", type=int, default=200)
    return parser.parse_args()


def _measured(place: Place, rows: int, questions: int) -> dict[str, Any]:
    engine = make_engine(place.database_url)
    try:
        store, vectors = PostgresRowStore(engine), PostgresVectors(engine)
        store.save_columns(_TENANT, _TABLE, [Column(key="about", field="about")])
        model = vectors.add_model(HASHING, len(_embedded(["x"])[0]))
        matrix, keys, indexed_s = _filled(place, model, rows)
        return {
            "rows": rows,
            "dimension": model.dimension,
            "indexed_s": round(indexed_s, 1),
            **_asked(vectors, model, matrix, keys, questions),
        }
    finally:
        engine.dispose()


def _people(count: int, seed: int) -> Iterator[str]:
    draw = random.Random(seed)
    words = {name: text.split() for name, text in _WORDS.items()}
    for number in range(count):
        some = {name: draw.choice(of) for name, of in words.items()}
        skills = ", ".join(draw.sample(words["skill"], 3))
        name = f"{some['first']} {some['last']}{number % 977}"
        yield f"{name}. {some['job']} at {some['firm']} in {some['city']}. {skills}"


@cache
def _word(word: str) -> Any:
    return np.array(HashingEmbedder().embed([word])[0])


def _embedded(texts: Sequence[str]) -> "np.ndarray[Any, np.dtype[np.float32]]":
    sums = np.array([sum(map(_word, text.split())) for text in texts])
    return (sums / np.linalg.norm(sums, axis=1, keepdims=True)).astype(np.float32)


def _filled(place: Place, model: EmbeddingModel, rows: int) -> tuple[Any, list[str], float]:
    """Store rows and vectors and index them; gives vectors, keys and how long indexing took."""
    texts, keys, portions = list(_people(rows, 1)), [f"r{n}" for n in range(rows)], []
    connection = psycopg2.connect(place.database_url)
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT id FROM tables WHERE tenant_id = %s", (_TENANT,))
        (table,) = cursor.fetchone()
        # Made at once at the end: the same index, in a tenth of the time.
        cursor.execute(_INDEX, (f"vectors_{model.id}",))
        name, index = cursor.fetchone()
        cursor.execute(f"DROP INDEX {name}")
        for start in range(0, rows, _PORTION):
            some = texts[start : start + _PORTION]
            portions.append(_embedded(some))
            _stored(cursor, model, table, keys[start : start + _PORTION], some, portions[-1])
        began_s = time.perf_counter()
        cursor.execute("SET maintenance_work_mem = '512MB'")
        cursor.execute(index)
        indexed_s = time.perf_counter() - began_s
        cursor.execute(f"ANALYZE vectors_{model.id}, rows")
    connection.close()
    return np.concatenate(portions), keys, indexed_s


def _stored(
    cursor: Any,
    model: EmbeddingModel,
    table: int,
    keys: Sequence[str],
    texts: Sequence[str],
    vectors: Any,
) -> None:
    made = execute_values(
        cursor,
        "INSERT INTO rows (table_id, tenant_id, key, data) VALUES %s RETURNING id, version",
        [(table, _TENANT, k, json.dumps({"about": t})) for k, t in zip(keys, texts, strict=True)],
        page_size=_PORTION,
        fetch=True,
    )
    execute_values(
        cursor,
        f"INSERT INTO vectors_{model.id} "
        "(row_id, tenant_id, table_id, row_version, text_hash, vector) VALUES %s",
        [
            (row, _TENANT, table, version, "", orjson.dumps(vector, option=_NUMPY).decode())
            for (row, version), vector in zip(made, vectors, strict=True)
        ],
        page_size=_PORTION,
    )


def _asked(
    store: PostgresVectors, model: EmbeddingModel, matrix: Any, keys: list[str], questions: int
) -> dict[str, Any]:
    asked = _embedded(list(_people(questions, 2)))
    found, took_s = [], []
    for question in asked:
        began_s = time.perf_counter()
        hits = store.search(
            model, question.tolist(), tenant=_TENANT, table=_TABLE, where={}, limit=_K
        )
        took_s.append(time.perf_counter() - began_s)
        found.append([hit.key for hit in hits])
    places = {key: place for place, key in enumerate(keys)}
    scores = asked @ matrix.T
    recalls = [
        _recall([places[key] for key in hits], row) for hits, row in zip(found, scores, strict=True)
    ]
    took_s.sort()
    return {
        "questions": questions,
        "recall_at_10": round(float(np.mean(recalls)), 4),
        "worst_recall": round(min(recalls), 2),
        "search_ms": {
            name: round(took_s[min(len(took_s) - 1, int(share * len(took_s)))] * 1000, 2)
            for name, share in {"p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}.items()
        },
    }


def _recall(hits: Sequence[int], scores: Any) -> float:
    """Say which share of the hits is among the nearest; as near as the last of them counts too."""
    last = np.sort(scores)[-_K]
    return sum(bool(scores[place] >= last - 1e-5) for place in hits) / _K


if __name__ == "__main__":
    sys.exit(main())
