"""What a provider sends by itself is read as a reply would be, and no key of ours is kept of it."""

import json
from collections.abc import Mapping
from dataclasses import replace

import pytest

from enrich.domain.callback import NewCallback, name_in, new_name, signed_name, ticket_of
from enrich.domain.outcome import (
    DEADLINE,
    InvalidInput,
    Malformed,
    NotFound,
    Outcome,
    Pending,
    Skipped,
    Unavailable,
)
from enrich.domain.paid import NO_TRACE
from enrich.domain.provider import Query
from enrich.domain.run import RunOptions
from enrich.ports import Deadline, NewRun, Selection
from enrich.store.memory import MemoryDatabase, MemoryRowStore
from enrich.store.memory_callbacks import MemoryCallbacks
from enrich.store.memory_runs import MemoryRunStore
from providers.called_back import NO_ADDRESS, Door
from providers.credentials import StoredCredentials
from providers.http import HttpClient
from providers.http_provider import HttpProvider
from tests.asking import HandClock
from tests.specs import spec_of, values_in
from tests.store_fixtures import TABLE, TENANT, make_table

KEY = "canary-key-0123456789"
ASKING = (
    '[[request]]\nmethod = "POST"\npath = "/c"\nneeds = ["domain"]\n'
    'json = { d = "{domain}", to = "{$callback}" }'
)
LATER = '[[outcomes]]\nstatus = 202\noutcome = "pending"\n[deferred]\nmode = "webhook"\nwait_s = 60'
AUTH = '[auth]\nkind = "bearer"'


class Waiting:
    """A question whose answer is waited for, and the provider that was asked."""

    def __init__(self, *, has_door: bool = True, calls: Mapping[str, str] | None = None) -> None:
        self.clock = HandClock()
        database = MemoryDatabase(now=self.clock.now)
        self.kept = MemoryCallbacks(database)
        self.rows = MemoryRowStore(database)
        make_table(self.rows, 1)
        new = NewRun(
            tenant=TENANT,
            table=TABLE,
            wanted=("industry",),
            selection=Selection(),
            options=RunOptions(),
            batch_rows=9,
        )
        run = MemoryRunStore(database).create(new, in_flight=9, lease_s=60)[0]
        self.kept.open(
            NewCallback(
                name="n",
                tenant=TENANT,
                run_id=run.id,
                provider="acme",
                rows=(1,),
                wait_s=60,
                calls=calls or {},
            )
        )
        door = Door(base_url="https://e.example", secret="s", kept=self.kept, longest_s=900)
        self.provider = HttpProvider(
            spec_of(request=ASKING, more=f"{LATER}\n{AUTH}"),
            client=HttpClient(),
            credentials=StoredCredentials({"acme": KEY}),
            clock=self.clock,
            door=door if has_door else None,
        )
        self.query = Query(
            row=1, inputs={"domain": "a.example"}, tenant=TENANT, token=ticket_of("n"), run=run.id
        )

    def told(self, query: Query | None = None) -> Outcome:
        """Ask, without any call: nobody is there to be called."""
        (answer,) = self.provider.ask([query or self.query], Deadline(1e9))
        assert answer.calls == 0
        return answer.outcome


def test_a_question_waits_until_its_answer_is_there() -> None:
    own = Waiting()

    before = own.told()
    own.kept.receive("n", body=b'{"name": "Acme"}', content_type="application/json")

    assert isinstance(before, Pending)
    assert before.token == own.query.token
    assert values_in(own.told()) == {"company_name": "Acme"}


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        (b"{}", NotFound()),
        (b"<html>", Malformed("the answer is not JSON")),
        (b"[" * 100_000, Malformed("the answer is too deep")),
        (json.dumps({"name": KEY}).encode(), Malformed("the answer repeats our key")),
    ],
    ids=["R03 nothing", "R01 a page", "R07 deep", "R19 our key"],
)
def test_whatever_is_sent_becomes_an_outcome(body: bytes, outcome: Outcome) -> None:
    own = Waiting()
    own.kept.receive("n", body=body, content_type="application/json")

    assert own.told() == outcome


def test_an_answer_that_does_not_come_ends_as_timed_out() -> None:
    own = Waiting()
    own.clock.sleep(61)

    assert own.told() == Unavailable("timed out: its answer was not sent to us")


@pytest.mark.parametrize(
    ("after_s", "calls"), [(0, {}), (61, {"paid": ""})], ids=["no row of it", "in vain"]
)
def test_what_was_waited_for_in_vain_is_not_taken_for_never_asked(
    after_s: float, calls: dict[str, str]
) -> None:
    own = Waiting(calls=calls)
    own.clock.sleep(after_s)
    paid = replace(own.query, token="", call_key="paid")

    assert own.provider.look_up([paid], Deadline(1e9)) == [NO_TRACE]


def test_a_paid_question_is_found_by_what_it_waits_for() -> None:
    own = Waiting(calls={"paid": ""})
    paid = replace(own.query, token="", call_key="paid")

    (waits,) = own.provider.look_up([paid], Deadline(1e9))
    own.kept.receive("n", body=b'{"name": "Acme"}', content_type="application/json")
    (sent,) = own.provider.look_up([paid], Deadline(1e9))

    assert waits is not None
    assert isinstance(waits.outcome, Pending)
    assert sent is not None
    assert values_in(sent.outcome) == {"company_name": "Acme"}


def test_of_a_question_that_only_waits_nothing_is_in_doubt() -> None:
    own = Waiting(calls={"paid": ""})
    own.clock.sleep(61)

    assert own.provider.look_up([replace(own.query, call_key="paid")], Deadline(1e9)) == [None]


def test_a_row_that_cannot_be_asked_about_leaves_nothing_open() -> None:
    own = Waiting()
    unsendable = replace(own.query, token="", call_key="paid", inputs={})

    assert isinstance(own.told(unsendable), InvalidInput)
    assert own.kept.find(TENANT, "paid") is None


def test_without_an_address_nobody_is_asked() -> None:
    own = Waiting(has_door=False)

    assert own.told(replace(own.query, token="")) == Skipped(NO_ADDRESS)


def test_an_address_is_ours_only_with_our_signature() -> None:
    name = new_name()
    signed = signed_name(name, "secret")

    assert name_in(signed, "secret") == name
    assert [name_in(each, "secret") for each in (name, signed[:-1], f"{signed}0", "", ".")] == [
        None
    ] * 5
    assert name_in(signed, "another") is None


def test_nothing_is_sent_about_a_row_that_was_erased() -> None:
    own = Waiting()
    own.rows.delete_row(TENANT, TABLE, "k1")

    assert own.told(replace(own.query, token="")) == Skipped(DEADLINE)
