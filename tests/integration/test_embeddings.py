"""Rows and their vectors in PostgreSQL, with models that come, go and stay away."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import cast

import pytest
from sqlalchemy import Engine

from enrich.domain.table import Column
from enrich.engine.desk import Desk, DeskPolicy
from enrich.engine.embedding import embed_rows, repair, search
from enrich.errors import EmbedderDownError
from enrich.ports import NewRow
from enrich.ports.erasure import Erasure
from enrich.ports.jobs import Jobs
from enrich.ports.vectors import Embedder, Vector
from enrich.ports.webhooks import Messenger, Webhooks
from enrich.store.rows import PostgresRowStore
from enrich.store.vectors import PostgresVectors
from providers.embedding.hashing import HASHING, HashingEmbedder
from tests.unit.engine_world import world
from tests.waiting import eventually

pytestmark = pytest.mark.servers

TENANT, TABLE = "acme", "candidates"
PEOPLE = {"ada": "mathematician in London", "grace": "compilers in New York", "emmy": "algebra"}


@dataclass
class Lengths:
    """A model of three numbers; `down` while its server is away."""

    down: bool = False

    def embed(self, texts: Sequence[str]) -> Sequence[Vector]:
        """Give what nobody could call a meaning."""
        if self.down:
            raise EmbedderDownError("the embedding model 'lengths': timed out")
        return [[float(len(text)), float(text.count(" ")) + 1.0, 1.0] for text in texts]


@dataclass
class Models:
    """The embedders of these tests; `wanted` is what the settings name."""

    wanted: str = HASHING
    lengths: Lengths = field(default_factory=Lengths)

    def get(self, model: str) -> Embedder:
        """Give one by name."""
        return HashingEmbedder() if model == HASHING else self.lengths


@contextmanager
def desk_on(engine: Engine, models: Models) -> Iterator[Desk]:
    """Give a desk whose rows and vectors lie in the database, with three candidates."""
    with engine.begin() as connection:
        for (made,) in connection.exec_driver_sql("SELECT id FROM embedding_models").all():
            connection.exec_driver_sql(f"DROP TABLE vectors_{made}")
        connection.exec_driver_sql("DELETE FROM embedding_models")
    rows = PostgresRowStore(engine)
    rows.save_columns(TENANT, TABLE, [Column(key="about", field="about")])
    rows.import_rows(TENANT, TABLE, [NewRow(key=k, data={"about": v}) for k, v in PEOPLE.items()])
    with world() as own:
        yield Desk(
            parts=replace(own.parts, rows=rows),
            jobs=cast(Jobs, None),
            vectors=PostgresVectors(engine),
            embedders=models,
            webhooks=cast(Webhooks, None),
            messenger=cast(Messenger, None),
            erasure=cast(Erasure, None),
            policy=DeskPolicy(),
        )


def found(desk: Desk, sentence: str, **where: str) -> list[str]:
    hits = search(desk, TENANT, TABLE, sentence, where=where, limit=10).hits
    return [hit.key for hit in hits]


def test_the_nearest_row_comes_first_and_filters_hold(clean_engine: Engine) -> None:
    with desk_on(clean_engine, Models()) as desk:
        repair(desk)

        assert found(desk, "a mathematician from London")[0] == "ada"
        assert found(desk, "mathematician", about="algebra") == ["emmy"]


def test_what_a_model_that_is_away_skipped_is_made_up_for(clean_engine: Engine) -> None:
    models = Models(wanted="lengths", lengths=Lengths(down=True))
    with desk_on(clean_engine, models) as desk:
        (row,) = desk.parts.rows.read(TENANT, TABLE, ["ada"])
        skipped = embed_rows(desk, [row.id])
        models.lengths.down = False

        repaired = repair(desk)

        assert (skipped.upserted, "timed out" in skipped.reason) == (False, True)
        assert (repaired.embedded, repaired.left) == (3, 0)
        assert len(found(desk, "anybody")) == 3


def test_another_model_is_searched_when_it_is_complete_and_no_search_fails(
    clean_engine: Engine,
) -> None:
    models = Models()
    with desk_on(clean_engine, models) as desk:
        repair(desk)
        seen, over = [], threading.Event()

        def ask() -> None:
            while not over.is_set():
                seen.append(search(desk, TENANT, TABLE, "London", where={}, limit=10))

        asking = threading.Thread(target=ask)
        asking.start()
        assert eventually(lambda: bool(seen))
        models.wanted = "lengths"
        halfway = embed_rows(desk, [desk.parts.rows.read(TENANT, TABLE, ["ada"])[0].id])
        before = search(desk, TENANT, TABLE, "London", where={}, limit=10)
        changed = repair(desk)
        after = search(desk, TENANT, TABLE, "London", where={}, limit=10)
        over.set()
        asking.join()

    assert halfway.upserted
    assert changed.activated
    assert (before.model, after.model) == (HASHING, "lengths")
    assert {len(one.hits) for one in seen} == {3}


def test_an_unchanged_text_is_not_embedded_again(clean_engine: Engine) -> None:
    with desk_on(clean_engine, Models()) as desk:
        repair(desk)
        before = desk.vectors.models()[0]
        desk.parts.rows.save_columns(TENANT, TABLE, [Column(key="ok", field="ok", position=1)])
        desk.parts.rows.import_rows(TENANT, TABLE, [NewRow(key="ada", data={"ok": True})])
        (lacking,) = desk.vectors.lacking(before, (TABLE,))

        repaired = repair(desk)

        assert lacking.text_hash
        assert (repaired.embedded, repaired.left) == (1, 0)
