"""The answer to whoever waits for a run, and what callers may ask for."""

import pytest
import redis

from enrich.domain.run import RunOptions, RunState
from enrich.engine.arguments import selection_of
from enrich.engine.purge import purge_row
from enrich.ports import Finished, Selection
from tasks.replies import ReplyTo, answer_run, reply, tell_end
from tests.unit.batches import NOW
from tests.unit.engine_world import world
from tests.unit.replying import Hooks, Results, Sender, app_of, services_of

TO = ReplyTo(task_id="asked", tenant="default", table="t", row="r1", columns=("domain",))


def test_whoever_waits_for_a_row_that_was_erased_meanwhile_is_told_so() -> None:
    results = Results()

    with world() as own:
        summary = own.run()
        purge_row(own.parts, "default", "t", "r1")
        end = Finished(run_id=summary.id, reply_to=TO.encode(), state=RunState.DONE)
        reply(app_of(results), services_of(own), end)

    told = results.stored[b"celery-task-meta-asked"]
    assert (told["status"], told["result"]["exc_type"]) == ("FAILURE", "UsageError")


def test_webhooks_are_told_of_an_end_that_redis_takes_no_answer_about() -> None:
    hooks = Hooks()

    with world() as own:
        summary = own.run()
        end = Finished(run_id=summary.id, reply_to=TO.encode(), state=RunState.CANCELLED)
        with pytest.raises(redis.ConnectionError):
            answer_run(app_of(Results(is_away=True)), services_of(own, hooks), end)

    assert hooks.noted == [summary.id]


@pytest.mark.parametrize("is_away", [False, True], ids=["taken", "away"])
def test_an_end_that_the_broker_does_not_take_is_told_here(is_away: bool) -> None:
    hooks = Hooks()

    with world(emails=()) as own:
        run_id, steps = own.submit()
        tell_end(Sender(is_away=is_away).app(), services_of(own, hooks), run_id)

    assert steps == ()
    assert hooks.noted == [run_id] * is_away


def test_an_empty_filter_takes_up_what_no_filter_does() -> None:
    assert selection_of({}, RunOptions(), NOW) == (Selection(), RunOptions())


def test_an_end_that_many_tell_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    app, hooks = app_of(Results()), Hooks()

    with caplog.at_level("INFO", "enrich.engine"), world() as own:
        first, second = own.run().id, own.run().id
        for run in (first, first, second, first):
            end = Finished(run_id=run, reply_to="", state=RunState.CANCELLED)
            answer_run(app, services_of(own, hooks), end)

    logged = [each.__dict__["run_id"] for each in caplog.records if each.msg == "run.finished"]
    assert logged == [first, second]
    # Each of them says it to the webhooks: the one before may have died before it did.
    assert hooks.noted == [first, first, second, first]


def test_an_end_is_logged_while_redis_takes_no_note_of_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = app_of(Results(is_away=True))

    with caplog.at_level("INFO", "enrich.engine"), world() as own:
        end = Finished(run_id=own.run().id, reply_to="", state=RunState.DONE)
        answer_run(app, services_of(own, Hooks()), end)

    assert [each.msg for each in caplog.records if each.msg == "run.finished"] == ["run.finished"]
