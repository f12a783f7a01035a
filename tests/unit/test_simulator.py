"""Simulated vendors: equal seeds, equal replies; limits, purses and prices as their files say."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from enrich.domain.outcome import (
    CreditsExhausted,
    Found,
    Malformed,
    Outcome,
    OutcomeKind,
    RateLimited,
)
from enrich.domain.values import Json, JsonObject
from enrich.errors import BadFileError
from providers.exchange import HttpCall, Reply
from providers.simulator import Behaviour, Fault, Ledger, behaviours_from
from providers.simulator.allowance import Purses, Windows
from providers.simulator.asked import Incoming, asking_of, incoming_of
from providers.simulator.bodies import replaced
from providers.simulator.dialect import charged, example_of, refusal
from providers.simulator.schedule import burst_at, delay_s, fault_for, is_known
from providers.simulator.signed import key_of as signed_with
from providers.simulator.vendor import Sending, Vendor
from providers.spec import HttpSpec, load_catalogue
from providers.spec.asking import bulk_call, key_of, poll_call, request_for
from providers.spec.bulk import read_bulk
from providers.spec.model import Auth, Limit
from providers.spec.reading import Asked, read
from tests.specs import spec_of

AT = datetime(2026, 1, 1, tzinfo=UTC)
_SPECS = {spec.name: spec for spec in load_catalogue()}
PDL, GLEIF = _SPECS["people_data_labs"], _SPECS["gleif"]
ADA: JsonObject = {"email": "ada@example.org"}
_EACH = pytest.mark.parametrize("spec", _SPECS.values(), ids=_SPECS)
_ROWS = [f"{number}@example.org" for number in range(40)]


def vendor_of(spec: HttpSpec = PDL, **behaviour: Any) -> Vendor:
    """A vendor that behaves so."""
    return Vendor(spec, replace(Behaviour(), **behaviour), Ledger())


def signed(call: HttpCall, key: str = "k") -> Incoming:
    """A call as it arrives, with a key where PDL and Coresignal look for it."""
    arrived = incoming_of(call)
    return replace(arrived, headers={**arrived.headers, "x-api-key": key, "apikey": key})


def sent(vendor: Vendor, inputs: JsonObject = ADA, *, key: str = "k", now_s: float = 0) -> Sending:
    """What a vendor sends to one row's question."""
    call = request_for(vendor.spec, inputs, base_url="http://vendor")
    return vendor.answer(signed(call, key), at=AT, now_s=now_s)


def reply_of(sending: Sending) -> Reply:
    """What arrives of it."""
    headers = {name.lower(): value for name, value in sending.plan.headers.items()}
    return Reply(status=sending.plan.status, headers=headers, body=sending.plan.body, at=AT)


def told(vendor: Vendor, inputs: JsonObject = ADA, *, key: str = "k", now_s: float = 0) -> Outcome:
    """What the reader makes of it."""
    return read(vendor.spec, reply_of(sent(vendor, inputs, key=key, now_s=now_s)), Asked(inputs))


def all_sent(vendor: Vendor, rows: Sequence[str] = _ROWS) -> dict[str, Sending]:
    """What is sent to many rows, in the order in which they ask."""
    return {row: sent(vendor, {"email": row}) for row in rows}


def test_a_lie_is_about_what_was_asked_also_where_a_name_is_part_of_it() -> None:
    # The example's company is Example, and what is asked is at example.
    spec, asked = _SPECS["coresignal"], {"domain": "firm1.example"}

    honest, lie = (told(vendor_of(spec, lies=share), asked) for share in (0.0, 1.0))

    assert isinstance(honest, Found)
    assert isinstance(lie, Found)
    assert lie.observations["company_name"] != honest.observations["company_name"]


def test_equal_seeds_give_equal_replies() -> None:
    wild: dict[str, Any] = {
        "coverage": 0.5,
        "lies": 0.3,
        "cuts": 0.2,
        "errors": 0.1,
        "limits": False,
    }

    first, second = all_sent(vendor_of(**wild)), all_sent(vendor_of(**wild))

    assert first == second
    assert first != all_sent(vendor_of(**wild, seed=2))


def test_what_concerns_one_question_does_not_hang_on_the_order_of_all() -> None:
    wild: dict[str, Any] = {
        "coverage": 0.5,
        "lies": 0.3,
        "corrupt": 0.2,
        "latency_s": 0.1,
        "limits": False,
    }

    forth = all_sent(vendor_of(**wild))
    back = all_sent(vendor_of(**wild), _ROWS[::-1])

    assert forth == back


def test_an_answer_is_about_the_row_that_was_asked_about() -> None:
    lei = "529900T8BM49AURSDO55"

    outcome = told(vendor_of(GLEIF), {"lei": lei})

    assert isinstance(outcome, Found)
    assert outcome.observations["lei"].value == lei


def test_an_answer_echoes_what_the_example_did_not_ask_with() -> None:
    spec = spec_of(
        request='[[request]]\npath = "/c"\nquery = { d = "{domain}", city = "{city}" }',
        response='echo = [{ input = "city", path = "at" }]',
        more=f"[[example]]\nname = 'a'\ninputs = {{ domain = 'a.org' }}\noutcome = 'found'\n"
        f"body = '{json.dumps({'name': 'A', 'at': 'Bern'})}'",
    )

    outcome = told(vendor_of(spec), {"domain": "b.org", "city": "Basel"})

    assert outcome.kind is OutcomeKind.FOUND


@pytest.mark.parametrize(
    ("auth", "headers", "query"),
    [
        (Auth(kind="header", name="X-Key", prefix="Token "), {"x-key": "Token k"}, {}),
        (Auth(kind="bearer"), {"authorization": "Bearer k"}, {}),
        (Auth(kind="basic"), {"authorization": "Basic azo="}, {}),
        (Auth(kind="query", name="key"), {}, {"key": "k"}),
    ],
    ids=["header", "bearer", "basic", "query"],
)
def test_a_key_is_read_where_its_vendor_looks(
    auth: Auth, headers: dict[str, str], query: dict[str, str]
) -> None:
    incoming = Incoming(method="GET", path="/", headers=headers, query=query)

    assert signed_with(auth, incoming) == "k"
    assert signed_with(auth, Incoming(method="GET", path="/")) == ""


def test_a_lie_is_of_the_same_form_and_still_about_the_row() -> None:
    lei = "529900T8BM49AURSDO55"

    outcome = told(vendor_of(GLEIF, lies=1.0), {"lei": lei})

    assert isinstance(outcome, Found)
    assert outcome.observations["lei"].value == lei
    assert outcome.observations["city"].value == "Londom"


def test_without_coverage_nothing_is_found_and_nothing_charged() -> None:
    ledger = Ledger()
    vendor = Vendor(PDL, Behaviour(coverage=0.0), ledger)

    outcome = told(vendor)

    assert outcome.kind is OutcomeKind.NOT_FOUND
    assert ledger.charged_microcredits() == 0


def test_a_vendor_repeats_the_question_even_when_it_knows_nothing() -> None:
    vendor = vendor_of(_SPECS["emailrep"], coverage=0.0)

    assert told(vendor, {"email": "bob@other.org"}).kind is OutcomeKind.NOT_FOUND


@pytest.mark.parametrize("key", ["", "other"], ids=["none", "wrong"])
def test_a_key_that_is_not_known_is_refused(key: str) -> None:
    assert told(vendor_of(keys=("k",)), key=key).kind is OutcomeKind.UNAUTHORIZED


def test_calls_beyond_a_limit_are_refused_until_its_window_has_passed() -> None:
    vendor = vendor_of()
    within = [told(vendor).kind for _ in range(100)]

    beyond = told(vendor, now_s=15)

    assert set(within) == {OutcomeKind.FOUND}
    assert beyond == RateLimited(AT + timedelta(seconds=45))
    assert told(vendor, key="another", now_s=15).kind is OutcomeKind.FOUND
    assert told(vendor, now_s=60).kind is OutcomeKind.FOUND


def test_refused_calls_do_not_count_against_a_limit() -> None:
    windows = Windows((Limit(count=1, per_s=10.0),))

    waits = [windows.wait_s({"key": "k"}, now_s) for now_s in (0, 4, 8, 10)]

    assert waits == [0, 6, 2, 0]


def test_a_purse_runs_out_and_the_vendor_says_so_in_its_words() -> None:
    vendor = vendor_of(purse_credits=0.6)

    outcomes = [told(vendor) for _ in range(3)]

    assert [each.kind for each in outcomes[:2]] == [OutcomeKind.FOUND] * 2
    assert isinstance(outcomes[2], CreditsExhausted)


def test_a_price_beyond_the_purse_is_not_taken() -> None:
    purses = Purses(10)
    purses.pay("k", 6)

    assert not purses.can_pay("k", 5)
    assert purses.can_pay("k", 4)


@pytest.mark.parametrize(
    ("charge", "kind", "microcredits"),
    [
        ("on_hit", OutcomeKind.FOUND, 2_000_000),
        ("on_hit", OutcomeKind.NOT_FOUND, 0),
        ("on_call", OutcomeKind.NOT_FOUND, 2_000_000),
        ("on_call", OutcomeKind.RATE_LIMITED, 0),
        ("on_call", OutcomeKind.PENDING, 0),
    ],
    ids=["hit", "miss", "call-miss", "call-refused", "call-pending"],
)
def test_an_answer_is_charged_by_the_files_rule(
    charge: str, kind: OutcomeKind, microcredits: int
) -> None:
    spec = spec_of(more=f'[price]\ncredits = 2\ncharge = "{charge}"')

    assert charged(spec, kind) == microcredits


def test_the_ledger_tells_who_asked_what_and_for_how_much() -> None:
    ledger = Ledger()
    vendor = Vendor(PDL, Behaviour(), ledger)
    sent(vendor), sent(vendor), sent(vendor, key="another")

    document = ledger.to_json()

    assert ledger.calls("people_data_labs") == 3
    assert ledger.charged_microcredits() == 3 * 280_000
    assert len({each.question for each in ledger.arrivals()}) == 1
    assert len({each.key for each in ledger.arrivals()}) == 2
    assert "another" not in str(document)


def test_a_key_in_a_query_is_not_in_the_ledger() -> None:
    spec, ledger = _SPECS["numverify"], Ledger()
    call = request_for(spec, {"phone": "+4930123456"})
    name = spec.auth.name or ""
    incoming = incoming_of(replace(call, secret_query={name: "sesame"}))

    Vendor(spec, Behaviour(), ledger).answer(incoming, at=AT, now_s=0)

    assert len(ledger.arrivals()) == 1
    assert "sesame" not in str(ledger.to_json())


@pytest.mark.parametrize("shuffled", [False, True], ids=["in-order", "shuffled"])
def test_many_questions_are_answered_by_their_echo(*, shuffled: bool) -> None:
    ledger = Ledger()
    vendor = Vendor(PDL, Behaviour(coverage=0.5, shuffled=shuffled), ledger)
    rows: list[JsonObject] = [{"email": row} for row in _ROWS]
    asked = [Asked(row, key_of(PDL, row, place)) for place, row in enumerate(rows)]

    sending = vendor.answer(signed(bulk_call(PDL, asked, base_url="http://vendor")), at=AT, now_s=0)

    outcomes = [each.kind.value for each in read_bulk(PDL, reply_of(sending), asked)]
    assert outcomes == [each.kind for each in ledger.arrivals()]
    assert set(outcomes) == {"found", "not_found"}
    assert ledger.charged_microcredits() == 280_000 * outcomes.count("found")
    assert ledger.calls("people_data_labs") == 1


def test_answers_are_left_out_and_swapped_as_many_as_told() -> None:
    vendor = Vendor(PDL, Behaviour(left_out=3, swapped=2), Ledger())
    rows: list[JsonObject] = [{"email": row} for row in _ROWS]
    asked = [Asked(row, key_of(PDL, row, place)) for place, row in enumerate(rows)]

    sending = vendor.answer(signed(bulk_call(PDL, asked, base_url="http://vendor")), at=AT, now_s=0)

    keys = [int(each["metadata"]["row"]) for each in json.loads(sending.plan.body)]
    outcomes = read_bulk(PDL, reply_of(sending), asked)
    assert len(keys) == len(rows) - 3
    assert sum(a != b for a, b in zip(keys, sorted(keys), strict=True)) == 2
    assert outcomes.count(Malformed("left out of the answers")) == 3
    assert [o.kind.value for o in outcomes].count("found") == len(rows) - 3


_DEFERRED = spec_of(
    more="""
[[outcomes]]
status = 202
outcome = "pending"
token = { body = "job" }
[deferred]
poll = { path = "/jobs/{$token}" }
[price]
credits = 1
[[example]]
name = "known"
inputs = { domain = "known.org" }
body = '{"name": "Known"}'
outcome = "found"
[[example]]
name = "begun"
inputs = { domain = "known.org" }
status = 202
body = '{"job": "j-1"}'
outcome = "pending"
"""
)


def test_what_is_worked_on_is_ready_at_its_poll_and_charged_once() -> None:
    ledger = Ledger()
    vendor = Vendor(_DEFERRED, Behaviour(pending=1.0, polls=2), ledger)
    begun = told(vendor, {"domain": "other.org"})
    call = poll_call(_DEFERRED, getattr(begun, "token", ""))

    polls = [vendor.answer(incoming_of(call), at=AT, now_s=0).plan.kind for _ in range(3)]

    assert begun.kind is OutcomeKind.PENDING
    assert polls == [OutcomeKind.PENDING, OutcomeKind.FOUND, OutcomeKind.FOUND]
    assert ledger.charged_microcredits() == 1_000_000


def test_a_request_that_no_vendor_knows_is_told_apart() -> None:
    ledger = Ledger()

    sending = Vendor(PDL, Behaviour(), ledger).answer(
        Incoming(method="GET", path="/nowhere"), at=AT, now_s=0
    )

    assert sending.plan.status == 501
    assert [each.kind for each in ledger.arrivals()] == ["no_endpoint"]


@_EACH
def test_every_question_of_an_example_can_be_read_back(spec: HttpSpec) -> None:
    example = example_of(spec, OutcomeKind.FOUND)
    inputs = example.inputs if example else {}

    asking = asking_of(spec, incoming_of(_call_about(spec, inputs)))

    assert asking is not None
    assert len(asking.questions) == 1


@_EACH
def test_every_vendor_says_when_to_come_back(spec: HttpSpec) -> None:
    plan = refusal(spec, OutcomeKind.RATE_LIMITED, at=AT, wait_s=30)

    outcome = read(spec, reply_of(Sending(plan=plan)), Asked({}))

    assert isinstance(outcome, RateLimited)
    assert outcome.retry_at > AT


@pytest.mark.parametrize(
    "fault", [Fault.LIE, Fault.DRIP, Fault.RESET, Fault.CUT, Fault.CORRUPT, Fault.REDIRECT]
)
def test_a_fault_that_always_happens_happens(fault: Fault) -> None:
    rates = {"lie": "lies", "drip": "drips", "reset": "resets", "cut": "cuts"}
    name = rates.get(fault.value, {"redirect": "redirects"}.get(fault.value, fault.value))

    assert sent(_always(name)).fault is fault


@pytest.mark.parametrize(
    ("behaviour", "kind"),
    [
        ("corrupt", "malformed"),
        ("storms", "rate_limited"),
        ("errors", "unavailable"),
        ("wrong_types", "malformed"),
        ("redirects", "malformed"),
    ],
)
def test_a_spoilt_reply_is_read_as_what_it_is(behaviour: str, kind: str) -> None:
    assert told(_always(behaviour)).kind == kind


def test_bursts_strike_calls_in_a_row() -> None:
    behaviour = Behaviour(errors=0.3, burst=4)

    struck = [burst_at(behaviour, "v", number) for number in range(400)]

    assert {len(set(struck[n : n + 4])) for n in range(0, 400, 4)} == {1}
    assert 60 < struck.count(Fault.ERROR) < 180


def test_rates_are_shares_of_questions() -> None:
    behaviour = Behaviour(coverage=0.7, cuts=0.2, latency_s=0.1, tail=0.1)

    known = sum(is_known(behaviour, "v", str(n)) for n in range(1000))
    cut = sum(fault_for(behaviour, "v", str(n), 0) is Fault.CUT for n in range(1000))
    slow = sum(delay_s(behaviour, "v", str(n), 0) > 1 for n in range(1000))

    assert (600 < known < 800, 120 < cut < 280, 50 < slow < 150) == (True, True, True)


@pytest.mark.parametrize(
    ("document", "swapped"),
    [
        ({"id": 7, "name": "Ada"}, {"id": 8, "name": "Bob"}),
        (["x-ADA", "ada"], ["x-ADA", "Bob"]),
        ("see example.com/a", "see other.org/a"),
        (True, True),
    ],
    ids=["number", "short-only-alone", "within", "flag"],
)
def test_values_are_replaced_where_they_stand(document: Json, swapped: Json) -> None:
    swaps: list[tuple[Json, Json]] = [(7, "8"), ("ada", "Bob"), ("example.com", "other.org")]

    assert replaced(document, swaps) == swapped


def test_a_file_gives_each_vendor_its_ways(tmp_path: Path) -> None:
    path = tmp_path / "ways.toml"
    path.write_text('coverage = 0.5\n[providers.gleif]\nlies = 1\nkeys = ["a"]\n')

    common, each = behaviours_from(path, Behaviour(seed=9))

    assert common == Behaviour(seed=9, coverage=0.5)
    assert each == {"gleif": replace(common, lies=1, keys=("a",))}


@pytest.mark.parametrize(
    "text",
    ["coverage = 2", "covrage = 1", "coverage = ", "providers = 1", 'lies = "x"', 'keys = "k"'],
)
def test_a_file_that_cannot_be_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "ways.toml"
    path.write_text(text)

    with pytest.raises(BadFileError):
        behaviours_from(path, Behaviour())


def _always(rate: str) -> Vendor:
    certain: dict[str, Any] = {rate: 1.0}
    return vendor_of(**certain)


def _call_about(spec: HttpSpec, inputs: JsonObject) -> HttpCall:
    if spec.request:
        return request_for(spec, inputs, base_url="http://vendor")
    return bulk_call(spec, [Asked(inputs, "0")], base_url="http://vendor")
