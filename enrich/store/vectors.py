"""Vectors in PostgreSQL with pgvector: a table and an index for each model, never a mixed one."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, TextClause, text
from sqlalchemy.exc import DBAPIError

from enrich.domain.table import Column
from enrich.domain.values import Json
from enrich.errors import BadInputError, DatabaseDownError, VectorsMissingError
from enrich.ports.vectors import EmbeddingModel, Hit, NewVector, Unembedded, Vector
from enrich.store.codec import cleaned, dumps, row_from_json
from enrich.store.columns import columns_from_json
from enrich.store.engine import Database
from enrich.store.tables import find_table

__all__ = ["PostgresVectors"]

_MODELS = text("SELECT * FROM embedding_models ORDER BY state <> 'active', id")
_ADD_MODEL = text("SELECT * FROM add_embedding_model(:name, :dimension)")
#: The extension is not on the server, or may not be made by us, or is older than its types.
_NO_EXTENSION = frozenset({"0A000", "58P01", "42501", "42704", "22023"})

_NO_TABLE = "42P01"

_FROM_LACKING = """
    FROM rows r JOIN tables t ON t.id = r.table_id LEFT JOIN {vectors} v ON v.row_id = r.id
    WHERE t.name = ANY (CAST(:tables AS text[])) AND r.data <> '{{}}'
      AND (v.row_id IS NULL OR v.row_version <> r.version)
      AND (CAST(:rows AS bigint[]) IS NULL OR r.id = ANY (CAST(:rows AS bigint[])))
"""
# A table's columns come with the first of its rows alone, and cells say nothing about a text.
_LACKING = f"""
    WITH lacking AS MATERIALIZED (
        SELECT r.id, r.tenant_id, r.table_id, t.name AS table_name, r.key, r.data,
               CAST('{{{{}}}}' AS jsonb) AS cells, r.version,
               coalesce(v.text_hash, '') AS text_hash
        {_FROM_LACKING} ORDER BY r.id LIMIT :limit)
    SELECT l.*, CASE WHEN l.id = min(l.id) OVER (PARTITION BY l.table_id) THEN (
        SELECT jsonb_agg(to_jsonb(c) ORDER BY c.position, c.key)
        FROM columns c WHERE c.table_id = l.table_id) END AS columns
    FROM lacking l ORDER BY l.id
"""  # noqa: S608 - a part of the query, no value
_COUNT_LACKING = f"SELECT count(*) {_FROM_LACKING}"
_COUNT = "SELECT count(*) FROM {vectors}"

# Rows in the order of their ids, as everywhere; one that has gone meanwhile gives nothing.
_PUT = """
    INSERT INTO {vectors} AS v (row_id, tenant_id, table_id, row_version, text_hash, vector)
    SELECT r.id, r.tenant_id, r.table_id, new.version, new.text_hash, CAST(new.vector AS vector)
    FROM jsonb_to_recordset(CAST(:vectors AS jsonb)) AS new (
        row bigint, version bigint, text_hash text, vector text)
    JOIN rows r ON r.id = new.row
    WHERE new.vector IS NOT NULL
    ORDER BY r.id FOR KEY SHARE OF r
    ON CONFLICT (row_id) DO UPDATE
    SET row_version = excluded.row_version, text_hash = excluded.text_hash,
        vector = excluded.vector
    WHERE v.row_version <= excluded.row_version
"""
_TOUCH = """
    UPDATE {vectors} v SET row_version = new.version
    FROM jsonb_to_recordset(CAST(:vectors AS jsonb)) AS new (
        row bigint, version bigint, text_hash text, vector text)
    WHERE v.row_id = new.row AND new.vector IS NULL AND v.row_version < new.version
"""

_TAKE_TURNS = text("SELECT pg_advisory_xact_lock(hashtextextended('activate_model', 1))")
_RETIRE = text("""
    UPDATE embedding_models SET state = 'retired', retired_at = now()
    WHERE state = 'active' AND id <> :id
""")
_ACTIVATE = text("""
    UPDATE embedding_models SET state = 'active'
    WHERE id = :id AND state = 'building' RETURNING id
""")
_DROP = text("SELECT drop_embedding_models(:older_than_s)")

#: Up to that many vectors of one table are compared one by one: exact, and quick enough.
_EXACT_UP_TO = 10_000
_FEW = """
    SELECT count(*) FROM (
        SELECT FROM {vectors} WHERE table_id = :table_id LIMIT :few) AS first_ones
"""
_SEARCHING = """
    SELECT set_config('hnsw.iterative_scan', 'strict_order', true),
           set_config('hnsw.ef_search', :breadth, true)
"""
_SEARCH = """
    SELECT r.key, r.data, 1 - (v.vector <=> CAST(:vector AS vector)) AS score
    FROM {vectors} v JOIN rows r ON r.id = v.row_id
    WHERE v.tenant_id = :tenant AND v.table_id = :table_id AND r.data @> CAST(:where AS jsonb)
    ORDER BY {order} LIMIT :limit
"""
_BY_INDEX = "v.vector <=> CAST(:vector AS vector)"
# An index is of no use to a sum.
_BY_HAND = f"({_BY_INDEX}) + 0"


class PostgresVectors:
    """The port `VectorStore`."""

    def __init__(self, engine: Engine) -> None:
        self._database = Database(engine)

    def models(self) -> tuple[EmbeddingModel, ...]:
        """List the models; the port's promise."""
        found = self._database.of_nobody().do(lambda c: c.execute(_MODELS).mappings().all())
        return tuple(map(_model, found))

    def add_model(self, name: str, dimension: int) -> EmbeddingModel:
        """Give a model, made when it is new; the port's promise."""

        def work(connection: Connection) -> EmbeddingModel:
            try:
                asked = {"name": name, "dimension": dimension}
                return _model(connection.execute(_ADD_MODEL, asked).mappings().one())
            except DBAPIError as exc:
                if getattr(exc.orig, "pgcode", None) in _NO_EXTENSION:
                    raise VectorsMissingError from exc
                raise

        made = self._database.of_nobody().run(work)
        if made.dimension != dimension:
            problem = f"model {name!r} gave {made.dimension} numbers and now gives {dimension}"
            raise BadInputError("ENRICH_EMBEDDINGS__MODEL", problem, hint="give it another name")
        return made

    def lacking(
        self,
        model: EmbeddingModel,
        tables: Sequence[str],
        *,
        rows: Sequence[int] | None = None,
        limit: int = 64,
    ) -> Sequence[Unembedded]:
        """Give rows whose vector is lacking or old; the port's promise."""
        asked = {
            "tables": list(tables),
            "rows": None if rows is None else list(rows),
            "limit": limit,
        }
        query = _of(model, _LACKING)
        with _there(model):
            found = self._database.of_all().do(lambda c: c.execute(query, asked).mappings().all())
        columns = {
            raw["table_id"]: columns_from_json(raw["columns"]) for raw in found if raw["columns"]
        }
        return tuple(_unembedded(raw, columns.get(raw["table_id"], ())) for raw in found)

    def put(self, model: EmbeddingModel, vectors: Sequence[NewVector]) -> int:
        """Keep vectors; the port's promise."""
        values = {"vectors": dumps([_vector_to_json(each) for each in vectors], name="vectors")}
        are_new = {each.vector is not None for each in vectors}
        queries = [_of(model, _PUT if is_new else _TOUCH) for is_new in sorted(are_new)]
        with _there(model):
            return self._database.of_all().do(
                lambda c: sum(c.execute(q, values).rowcount for q in queries)
            )

    def activate(self, model: EmbeddingModel, tables: Sequence[str]) -> bool:
        """Search a model from now on if it is complete; the port's promise."""

        def work(connection: Connection) -> bool:
            connection.execute(_TAKE_TURNS)
            asked = {"tables": list(tables), "rows": None}
            if connection.execute(_of(model, _COUNT_LACKING), asked).scalar_one():
                return False
            connection.execute(_RETIRE, {"id": model.id})
            return connection.execute(_ACTIVATE, {"id": model.id}).one_or_none() is not None

        return self._database.of_all().run(work)

    def drop_retired(self, *, older_than_s: float) -> Sequence[str]:
        """Remove the vectors of past models; the port's promise."""

        asked = {"older_than_s": older_than_s}
        gone = self._database.of_nobody().run(lambda c: c.execute(_DROP, asked).scalars().all())
        return tuple(gone)

    def search(
        self,
        model: EmbeddingModel,
        vector: Vector,
        *,
        tenant: str,
        table: str,
        where: Mapping[str, Json],
        limit: int,
    ) -> Sequence[Hit]:
        """Give the nearest rows; the port's promise."""

        def work(connection: Connection) -> Sequence[Hit]:
            found = find_table(connection, tenant, table)
            for column in where:
                found.check_column(column)
            asked = {"table_id": found.id, "tenant": tenant, "limit": limit}
            order = _BY_INDEX if _is_large(connection, model, found.id, limit) else _BY_HAND
            query = text(_SEARCH.format(vectors=_name(model), order=order))
            asked |= {"vector": _written(vector), "where": dumps(dict(where), name="where")}
            return tuple(
                Hit(key=hit.key, score=float(hit.score), data=hit.data)
                for hit in connection.execute(query, asked)
            )

        with _there(model):
            return self._database.of(tenant).run(work)

    def counts(self, model: EmbeddingModel, tables: Sequence[str]) -> tuple[int, int]:
        """Count vectors, and rows that lack one; the port's promise."""

        def work(connection: Connection) -> tuple[int, int]:
            have = connection.execute(_of(model, _COUNT)).scalar_one()
            asked = {"tables": list(tables), "rows": None}
            return have, connection.execute(_of(model, _COUNT_LACKING), asked).scalar_one()

        return self._database.of_all().run(work)


@contextmanager
def _there(model: EmbeddingModel) -> Iterator[None]:
    """Tell a table of vectors that is gone apart from a database that is away."""
    try:
        yield
    except DatabaseDownError as exc:
        if getattr(getattr(exc.__cause__, "orig", None), "pgcode", None) != _NO_TABLE:
            raise
        problem = f"the vectors of the embedding model {model.name!r} are gone from the database"
        raise VectorsMissingError(f"{problem}; set another ENRICH_EMBEDDINGS__MODEL") from exc


def _is_large(connection: Connection, model: EmbeddingModel, table_id: int, limit: int) -> bool:
    """Say whether the index is to be used, and set how broadly it looks."""
    asked = {"table_id": table_id, "few": _EXACT_UP_TO + 1}
    if connection.execute(_of(model, _FEW), asked).scalar_one() <= _EXACT_UP_TO:
        return False
    breadth = str(min(1_000, max(100, 4 * limit)))
    connection.execute(text(_SEARCHING), {"breadth": breadth})
    return True


def _name(model: EmbeddingModel) -> str:
    return f"vectors_{int(model.id)}"


def _of(model: EmbeddingModel, query: str) -> TextClause:
    return text(query.format(vectors=_name(model)))


def _written(vector: Vector) -> str:
    return "[" + ",".join(f"{number:.8g}" for number in vector) + "]"


def _vector_to_json(new: NewVector) -> dict[str, Any]:
    vector = None if new.vector is None else _written(new.vector)
    return {"row": new.row, "version": new.version, "text_hash": new.text_hash, "vector": vector}


def _model(raw: Mapping[Any, Any]) -> EmbeddingModel:
    return EmbeddingModel(
        id=raw["id"], name=raw["name"], dimension=raw["dimension"], state=raw["state"]
    )


def _unembedded(raw: Mapping[Any, Any], columns: tuple[Column, ...]) -> Unembedded:
    return Unembedded(
        tenant=raw["tenant_id"],
        table=cleaned(raw["table_name"]),
        row=row_from_json(raw),
        columns=columns,
        version=raw["version"],
        text_hash=raw["text_hash"],
    )
