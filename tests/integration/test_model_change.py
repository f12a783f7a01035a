"""Another embedding model, of another dimension, under load: every search is answered by one model.

The models are asked over real HTTP. Searches and changes of rows go on from many threads while the
new model is built and takes its place.
"""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from itertools import count, pairwise

import pytest
from sqlalchemy import Engine, text

from enrich.domain.policy import BreakerPolicy
from enrich.engine.desk import Desk
from enrich.engine.embedding import Found, embed_rows, repair, search
from enrich.errors import EmbedderDownError
from enrich.ports import NewRow
from enrich.state.breaker_memory import MemoryBreakers
from providers.base import SystemClock
from providers.credentials import StoredCredentials
from providers.embedding.hashing import HASHING
from providers.embedding.late import LateEmbedders
from tests.integration.embedding_server import EmbeddingServer, embedding_server
from tests.integration.test_embeddings import PEOPLE, TABLE, TENANT, Models, desk_on
from tests.store_fixtures import put_row
from tests.unit.engine_world import Counts

pytestmark = pytest.mark.servers

SEARCHERS, WRITERS, LIMIT = 3, 2, 5
SMALL, LARGE = "small", "large"
HARPIST = NewRow(key="new", data={"about": "harpist"})


@contextmanager
def asking(desk: Desk, server: EmbeddingServer, wanted: str) -> Iterator[Desk]:
    """Give the desk as a process has it whose settings name this model."""
    clock = SystemClock()
    embedders = LateEmbedders(
        wanted=wanted,
        url=server.url,
        previous_url=None,
        credentials=StoredCredentials({}),
        breakers=MemoryBreakers(BreakerPolicy(), clock=clock, recorder=Counts()),
        clock=clock,
        batch_texts=16,
        timeout_s=30.0,
    )
    try:
        yield replace(desk, embedders=embedders)
    finally:
        embedders.close()


@pytest.fixture
def server() -> Iterator[EmbeddingServer]:
    """A server of two models."""
    with embedding_server(small=48, large=96) as own:
        yield own


@pytest.fixture
def desk(clean_engine: Engine) -> Iterator[Desk]:
    """A desk with three candidates."""
    with desk_on(clean_engine, Models()) as own:
        yield own


def until(over: threading.Event, work: Callable[[], object]) -> Callable[[], None]:
    """Make what works on and on until all is over."""

    def loop() -> None:
        while not over.is_set():
            work()

    return loop


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param(120, id="120 rows"),
        pytest.param(4_000, id="4000 rows", marks=[pytest.mark.proof, pytest.mark.timeout(400)]),
    ],
)
def test_no_search_fails_while_the_model_changes(
    desk: Desk, server: EmbeddingServer, clean_engine: Engine, rows: int
) -> None:
    people = [NewRow(key=f"p{n}", data={"about": f"person {n:05d} of many"}) for n in range(rows)]
    desk.parts.rows.import_rows(TENANT, TABLE, people)
    seen: list[list[Found]] = [[] for _ in range(SEARCHERS)]
    over, numbers = threading.Event(), count()

    def ask(by: Desk, mine: list[Found]) -> None:
        number = next(numbers) % rows
        sentence = f"person {number:05d} of many"
        found = search(by, TENANT, TABLE, sentence, where={"about": sentence}, limit=LIMIT)
        assert [hit.key for hit in found.hits] == [f"p{number}"]
        mine.append(search(by, TENANT, TABLE, sentence, where={}, limit=LIMIT))

    def write(by: Desk) -> None:
        number = next(numbers)
        row = NewRow(key=f"w{number}", data={"about": f"newcomer {number}"})
        assert embed_rows(by, [put_row(by.parts.rows, TENANT, TABLE, row)]).upserted

    with asking(desk, server, SMALL) as old, asking(desk, server, LARGE) as new:
        while repair(old).left:
            pass
        with ThreadPoolExecutor(SEARCHERS + WRITERS) as pool:
            # Some processes have the new settings already, others the old ones still.
            work = [pool.submit(until(over, lambda m=mine: ask(old, m))) for mine in seen]
            work += [pool.submit(until(over, lambda b=by: write(b))) for by in (old, new)]
            while not repair(new).activated:
                pass
            least = [len(mine) + 5 for mine in seen]
            while any(len(mine) < n for mine, n in zip(seen, least, strict=True)):
                assert not any(one.done() for one in work), [one.exception() for one in work]
            over.set()
            for one in work:
                one.result()
        while repair(new).left:
            pass

    names = [[found.model for found in mine] for mine in seen]
    assert {len(found.hits) for mine in seen for found in mine} == {LIMIT}
    assert all(own[0] == SMALL and own[-1] == LARGE for own in names)
    assert all((a, b) != (LARGE, SMALL) for own in names for a, b in pairwise(own))
    assert kept(clean_engine) == {(SMALL, 48), (LARGE, 96)}


def kept(engine: Engine) -> set[tuple[str, int]]:
    """Give each model's name with the dimensions of all vectors in its table."""
    with engine.connect() as connection:
        models = connection.execute(text("SELECT id, name FROM embedding_models")).all()
        return {
            (name, dimension)
            for made, name in models
            for (dimension,) in connection.exec_driver_sql(
                f"SELECT DISTINCT vector_dims(vector) FROM vectors_{made}"
            )
        }


def test_the_model_that_is_searched_is_served_while_the_other_is_away(
    desk: Desk, server: EmbeddingServer
) -> None:
    repair(desk)
    server.is_down = True
    with asking(desk, server, LARGE) as new:
        row = put_row(new.parts.rows, TENANT, TABLE, HARPIST)
        skipped = embed_rows(new, [row])
        found = search(new, TENANT, TABLE, "harpist", where={}, limit=1)

    assert (skipped.upserted, "503" in skipped.reason) == (False, True)
    assert (found.model, found.hits[0].key) == (HASHING, "new")


def test_a_model_that_changed_its_dimension_is_a_reason_and_spoils_nothing(
    desk: Desk, server: EmbeddingServer
) -> None:
    with asking(desk, server, SMALL) as own:
        repair(own)
        server.dimensions[SMALL] = 32
        row = put_row(own.parts.rows, TENANT, TABLE, HARPIST)
        skipped, repaired = embed_rows(own, [row]), repair(own)
        with pytest.raises(EmbedderDownError, match="gives 32 numbers now, and gave 48"):
            search(own, TENANT, TABLE, "harpist", where={}, limit=1)
        server.dimensions[SMALL] = 48
        mended = repair(own)

    assert (skipped.upserted, "another name" in skipped.reason) == (False, True)
    assert (repaired.embedded, repaired.left) == (0, 1)
    assert (mended.embedded, mended.left) == (1, 0)


def test_f46_vectors_that_are_gone_are_a_reason_and_not_an_error(
    desk: Desk, clean_engine: Engine
) -> None:
    repair(desk)
    with clean_engine.begin() as connection:
        connection.exec_driver_sql(f"DROP TABLE vectors_{desk.vectors.models()[0].id}")
    (row,) = desk.parts.rows.read(TENANT, TABLE, ["ada"])

    skipped = embed_rows(desk, [row.id])

    with clean_engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM embedding_models")
    assert (skipped.upserted, "are gone from the database" in skipped.reason) == (False, True)


def test_only_texts_that_changed_are_sent_again(desk: Desk, server: EmbeddingServer) -> None:
    with asking(desk, server, SMALL) as own:
        repair(own)
        server.texts.clear()
        said = {"ada": "poet", "emmy": PEOPLE["emmy"]}
        own.parts.rows.import_rows(
            TENANT, TABLE, [NewRow(key=key, data={"about": about}) for key, about in said.items()]
        )
        repair(own)

    assert server.texts == ["poet"]
