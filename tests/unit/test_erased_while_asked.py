"""A row that is erased while a provider is asked about it."""

from threading import Event

from enrich.domain.keys import input_key
from enrich.domain.outcome import Found, Outcome
from enrich.domain.policy import CachePolicy
from enrich.domain.provider import Query
from enrich.domain.run import Force
from enrich.domain.values import Observation
from enrich.engine.fuse import join
from enrich.engine.probe import probe
from enrich.engine.purge import purge_row
from enrich.ports import CacheEntry
from tests.unit.batches import spec
from tests.unit.engine_world import Scripted, world


def test_its_answer_is_neither_stored_nor_left_in_the_cache() -> None:
    def erase_and_answer(_: Query) -> Outcome:
        purge_row(own.parts, "default", "t", "r1")
        return Found({"domain": Observation(value="acme.com", confidence=0.9)})

    provider = Scripted(spec("a", "email", "domain"), erase_and_answer)
    question = input_key("default", "a", "1", {"email": "a@acme.com"})
    with world(provider) as own:
        _, (step,) = own.submit()

        probe(own.parts, step, "a")

        assert provider.asked
        assert not own.database.ledger
        assert own.parts.responses.get_many("default", [question]) == {}


def test_what_is_left_in_the_cache_of_a_row_that_went_is_dropped_when_its_batch_settles() -> None:
    found = Found({"domain": Observation(value="acme.com", confidence=0.9)})
    provider = Scripted(spec("a", "email", "domain"), lambda _: found)
    question = input_key("default", "a", "1", {"email": "a@acme.com"})
    with world(provider) as own:
        _, (step,) = own.submit()
        probe(own.parts, step, "a")
        batch = own.parts.runs.open(step.batch, lease_s=60)
        assert batch is not None
        purge_row(own.parts, "default", "t", "r1")
        own.parts.responses.put_many("default", {question: CacheEntry(payload="late", ttl_s=60.0)})

        join(own.parts, batch)

        assert own.parts.responses.get_many("default", [question]) == {}


def test_an_answer_fetched_anew_behind_its_reader_is_not_left_in_the_cache() -> None:
    found = Found({"domain": Observation(value="acme.com", confidence=0.9)})
    read, asked = Event(), []

    def erase_when_asked_anew(_: Query) -> Outcome:
        asked.append(read.wait(60) if asked else None)
        if len(asked) > 1:
            purge_row(own.parts, "default", "t", "r1")
        return found

    question = input_key("default", "a", "1", {"email": "a@acme.com"})
    provider = Scripted(spec("a", "email", "domain"), erase_when_asked_anew)
    with world(provider, cache=CachePolicy(soft_ttl_s=60)) as own:
        own.run()
        own.clock.sleep(61)
        own.run(force=Force.CELLS)
        read.set()
        own.parts.calls.shutdown(wait=True)

        assert asked == [None, True]
        assert own.parts.responses.get_many("default", [question]) == {}
