"""The watchdog of `enrich up` while the broker is killed: nobody can know, and nothing ends."""

import pytest
from celery import Celery

from enrich.cli.watchdog import answering
from enrich.embedded import celery_url
from tests.faults.conftest import Valkey

pytestmark = pytest.mark.servers


def test_a_broker_that_was_killed_between_two_looks_tells_nothing(valkey: Valkey) -> None:
    with Celery(broker=celery_url(valkey.url), set_as_current=False) as app:
        before = answering(app, ["worker1@here"])
        valkey.stop()

        assert answering(app, ["worker1@here"]) is None

    assert before == frozenset()
