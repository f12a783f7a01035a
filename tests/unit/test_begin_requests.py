"""What is asked for by SQL becomes runs, whoever takes it up, and however often."""

from collections.abc import Mapping, Sequence

import pytest

from enrich.domain.outcome import Found
from enrich.domain.values import Observation
from enrich.engine.requests import begin_requests
from enrich.errors import DatabaseDownError, UnknownNameError
from enrich.ports import NewRow
from enrich.ports.requests import NewSqlRequest, SqlRequest
from enrich.store.memory import MemoryDatabase, MemoryRowStore
from enrich.store.memory_requests import MemorySqlRequests
from tests.unit.batches import spec
from tests.unit.engine_world import Scripted, world

EMAILS = ("a@acme.com", "b@bolt.com")
FOUND = {email: Found({"domain": Observation(value="x.com", confidence=0.9)}) for email in EMAILS}


class OneEach(MemorySqlRequests):
    """An outbox of which every taker gets one request, as those who compete for a pack do."""

    def take(self, *, retake_s: float, limit: int) -> Sequence[SqlRequest]:
        """Take the oldest, taken before or not."""
        return super().take(retake_s=0.0, limit=1)


def test_of_a_pack_that_is_taken_up_in_parts_every_row_is_asked_about() -> None:
    vendor = Scripted(spec("vendor", "email", "domain"), FOUND)
    with world(vendor, emails=EMAILS) as own:
        outbox = OneEach(own.database)
        for row in ("r1", "r2"):
            wish = NewSqlRequest(tenant="default", table="t", row=row, columns=("domain",))
            outbox.add(wish)
        # They are of one pack from now on, and who has taken them is gone.
        MemorySqlRequests.take(outbox, retake_s=0.0, limit=2)

        for _ in EMAILS:
            own.runner.run(begin_requests(own.parts, outbox).steps, patience_s=0)

    assert vendor.asked == list(EMAILS)


class Erased(MemorySqlRequests):
    """An outbox whose requests are erased as soon as somebody has taken them."""

    def take(self, *, retake_s: float, limit: int) -> Sequence[SqlRequest]:
        """Take what waits, and forget it."""
        taken = super().take(retake_s=retake_s, limit=limit)
        self._kept.clear()
        return taken


@pytest.mark.parametrize("columns", [("domain",), ("absent",)], ids=["begun", "refused"])
def test_a_request_that_is_erased_while_it_begins_leaves_no_row(columns: tuple[str, ...]) -> None:
    with world(Scripted(spec("vendor", "email", "domain"), FOUND), emails=EMAILS) as own:
        outbox = Erased(own.database)
        data = {"email": "gone@acme.com"}
        outbox.add(
            NewSqlRequest(tenant="default", table="t", row="new", columns=columns, data=data)
        )

        begin_requests(own.parts, outbox)

        assert own.parts.rows.read("default", "t", ["r1", "r2"])
        with pytest.raises(UnknownNameError):
            own.parts.rows.read("default", "t", ["new"])


class MadeAnew(Erased):
    """An outbox whose requests are erased when taken; the same row is asked for anew by another."""

    def __init__(self, database: MemoryDatabase) -> None:
        super().__init__(database)
        self._rows = MemoryRowStore(database)

    def take(self, *, retake_s: float, limit: int) -> Sequence[SqlRequest]:
        """Take what waits; what another has begun meanwhile is there already."""
        taken = super().take(retake_s=retake_s, limit=limit)
        row = NewRow(key="new", data={"email": "anew@acme.com"})
        self._rows.import_rows("default", "t", [row])
        return taken


def test_a_row_that_was_made_anew_stays_as_it_was_asked_for() -> None:
    with world(Scripted(spec("vendor", "email", "domain"), FOUND), emails=EMAILS) as own:
        outbox = MadeAnew(own.database)
        outbox.add(
            NewSqlRequest(tenant="default", table="t", row="new", data={"email": "gone@acme.com"})
        )

        begun = begin_requests(own.parts, outbox)

        (row,) = own.parts.rows.read("default", "t", ["new"])
        assert row.data == {"email": "anew@acme.com"}
        assert begun.steps == ()


class Held(MemorySqlRequests):
    """An outbox that does not get at the table `held`."""

    asked_about_held = 0

    def bring_in(
        self, tenant: str, table: str, asked: Mapping[int, NewRow | None]
    ) -> frozenset[int]:
        """Lay what they bring over their rows, of any other table."""
        if table == "held":
            self.asked_about_held += 1
            raise DatabaseDownError("it is locked")
        return super().bring_in(tenant, table, asked)


def test_a_table_that_is_held_keeps_no_other_from_beginning() -> None:
    with world(Scripted(spec("vendor", "email", "domain"), FOUND), emails=EMAILS) as own:
        outbox = Held(own.database)
        for table, columns in (("held", ("a",)), ("held", ("b",)), ("t", ("domain",))):
            outbox.add(NewSqlRequest(tenant="default", table=table, row="r1", columns=columns))

        begun = begin_requests(own.parts, outbox)

        assert (begun.taken, [step.table for step in begun.steps]) == (3, ["t"])
        # Who waited for it once does not wait for it again at the cost of the others.
        assert outbox.asked_about_held == 1
        assert len(outbox.take(retake_s=0.0, limit=10)) == 2
