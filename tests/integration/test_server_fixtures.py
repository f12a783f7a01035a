"""The servers that tests are given."""

import pytest
import redis
from sqlalchemy import create_engine, make_url, text

pytestmark = pytest.mark.servers


def test_database_of_the_session_can_have_vectors(database_url: str) -> None:
    engine = create_engine(make_url(database_url).set(drivername="postgresql+psycopg2"))

    with engine.begin() as connection:
        connection.execute(text("CREATE EXTENSION vector"))
        distance = connection.scalar(text("SELECT '[1,2]'::vector <-> '[1,4]'::vector"))
        connection.execute(text("DROP EXTENSION vector"))
    engine.dispose()

    assert distance == 2.0


def test_valkey_of_the_session_keeps_a_value(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        client.set("enrich:test:kept", "1", ex=60)

        assert client.get("enrich:test:kept") == b"1"
