"""What must not go wrong in a run: money, answers and cells, while things break around it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from enrich.domain.outcome import NotFound, Outcome, Pending, RateLimited
from enrich.domain.policy import CachePolicy, RunPolicy
from enrich.domain.provider import Answer, Query, Tier
from enrich.domain.run import Force, RunState
from enrich.domain.table import CellState, Column
from enrich.engine.cells import CellsRequest, Known, begin, finish
from enrich.engine.tablefile import import_table, open_table
from enrich.ports import Deadline
from tests.asking import HandClock
from tests.unit.batches import EMAIL, found, spec
from tests.unit.engine_world import Scripted, World, world

DOMAIN = Column(key="domain", field="domain", enriched=True, position=1)
BY_EMAIL = spec("by_email", "email", "domain")
PREMIUM = spec("premium", "email", "domain", tier=Tier.PREMIUM, price=100)
KNOWS = {"a@acme.com": found(domain="acme.com")}
PATIENT = RunPolicy(max_wait_s=3600)


class _OneCallBreaks(Scripted):
    """Raises about one row; the calls about others go well."""

    def ask(self, queries: Sequence[Query], deadline: Deadline) -> Sequence[Answer]:
        answers = super().ask(queries, deadline)
        if self.asked[-1] == "bug@acme.com":
            msg = "bug"
            raise RuntimeError(msg)
        return answers


def _in_s(seconds: float) -> datetime:
    return HandClock().now() + timedelta(seconds=seconds)


def test_premium_is_not_asked_about_a_row_that_a_cheaper_provider_may_still_fill() -> None:
    limited = Scripted(BY_EMAIL, {"b@b.com": RateLimited(_in_s(60))})
    premium = Scripted(PREMIUM, {})

    with world(
        limited, premium, emails=("a@acme.com", "b@b.com"), columns=(EMAIL, DOMAIN), runs=PATIENT
    ) as own:
        own.run()

        assert premium.asked == ["a@acme.com"]


def test_a_row_that_waits_does_not_count_as_saved_from_premium() -> None:
    limited = Scripted(BY_EMAIL, {"a@acme.com": RateLimited(_in_s(60))})

    with world(limited, Scripted(PREMIUM, {}), columns=(EMAIL, DOMAIN), runs=PATIENT) as own:
        summary = own.run()

        assert summary.counts.premium_saved == 0


def test_a_call_that_breaks_takes_no_answer_of_another_call_with_it() -> None:
    provider = _OneCallBreaks(replace(BY_EMAIL, max_concurrent=1), KNOWS)
    emails = ("bug@acme.com", "a@acme.com")

    with world(provider, emails=emails, columns=(EMAIL, DOMAIN)) as own:
        own.run()

        assert own.value("domain", "r2") == "acme.com"
        assert own.row("r1").cells["domain"].state is CellState.FAILED


def test_a_value_that_is_not_json_is_malformed_and_asked_for_once() -> None:
    moment = found(domain=datetime(2026, 1, 1, tzinfo=UTC))  # type: ignore[arg-type] # the bug
    provider = Scripted(BY_EMAIL, {"a@acme.com": moment})

    with world(provider, columns=(EMAIL, DOMAIN)) as own:
        own.run()

        assert provider.asked == ["a@acme.com"]
        assert own.row().cells["domain"].reason.startswith("by_email: malformed")


def test_a_cancelled_run_asks_no_further_premium_provider() -> None:
    worlds: list[World] = []

    def cancels(_: Query) -> Outcome:
        worlds[0].parts.runs.cancel("default", worlds[0].parts.runs.runs("default")[0].id)
        return NotFound()

    dearer = Scripted(spec("dearer", "email", "domain", tier=Tier.PREMIUM, price=200), KNOWS)

    with world(Scripted(PREMIUM, cancels), dearer, columns=(EMAIL, DOMAIN)) as own:
        worlds.append(own)
        own.run()

        assert dearer.asked == []


def test_an_answer_that_costs_money_is_never_asked_for_behind_a_reader() -> None:
    priced = replace(BY_EMAIL, tier=Tier.CHEAP, price_microcredits=10)
    provider = Scripted(priced, KNOWS)

    with world(provider, columns=(EMAIL, DOMAIN), cache=CachePolicy(soft_ttl_s=60)) as own:
        own.run()
        own.clock.sleep(61)
        own.run(force=Force.CELLS)
        own.parts.calls.shutdown(wait=True)

        assert len(provider.asked) == 1


def test_the_sequential_waterfall_does_not_pass_over_a_provider_that_is_still_to_answer() -> None:
    limited = Scripted(BY_EMAIL, {"b@b.com": RateLimited(_in_s(60))})
    second = Scripted(spec("second", "email", "domain", tier=Tier.CHEAP, price=10), {})

    with world(
        limited, second, emails=("a@acme.com", "b@b.com"), columns=(EMAIL, DOMAIN), runs=PATIENT
    ) as own:
        own.run(parallel_probes=False)

        assert second.asked == ["a@acme.com"]


def test_a_provider_that_is_never_done_does_not_keep_a_run_open_for_ever() -> None:
    clocks: list[HandClock] = []
    provider = Scripted(BY_EMAIL, lambda _: Pending(clocks[0].now()))
    runs = replace(PATIENT, max_deferrals=5)

    with world(provider, columns=(EMAIL, DOMAIN), runs=runs) as own:
        clocks.append(own.clock)
        own.run()

        assert own.parts.runs.runs("default")[0].state is RunState.DONE
        assert own.row().cells["domain"].state is CellState.PENDING


def test_a_value_that_an_import_changes_is_not_hidden_by_a_cached_cell(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text("id,domain\nr1,typed.com\n")

    with world(Scripted(BY_EMAIL, KNOWS), columns=(EMAIL, DOMAIN)) as own:
        summary = own.run()
        finish(own.parts, "default", "t", "r1", ["domain"], run_id=summary.id)
        with open_table(str(file)) as table:
            import_table(
                table, rows=own.parts.rows, tenant="default", table="t", cells=own.parts.cells
            )
        known = begin(
            own.parts, CellsRequest(tenant="default", table="t", row="r1", columns=("domain",))
        )

        assert isinstance(known, Known)
        assert known.results["domain"].value == "typed.com"
