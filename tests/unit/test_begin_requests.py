"""What is asked for by SQL becomes runs, whoever takes it up, and however often."""

from collections.abc import Sequence

from enrich.domain.outcome import Found
from enrich.domain.values import Observation
from enrich.engine.requests import begin_requests
from enrich.ports.requests import NewSqlRequest, SqlRequest
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
