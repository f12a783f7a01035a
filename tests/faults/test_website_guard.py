"""The website that a row names: only public addresses, looked up once, redirects checked anew."""

import socket
from collections.abc import Iterator

import pytest

from enrich.domain.outcome import InvalidInput, Malformed, OutcomeKind, Unavailable
from enrich.ports.outside import Deadline
from providers.base import SystemClock
from providers.http import HttpClient
from providers.website import Page, WebsiteReader
from providers.wire import Addresses, Resolve
from tests.faults.rude_server import Rude, http, rude_server

HTML = http("<title>Acme</title>", "Content-Type: text/html; charset=utf-8")


def soon(seconds: float = 60.0) -> Deadline:
    return Deadline(SystemClock().monotonic_s() + seconds)


def resolving(asked: list[str], *answers: tuple[socket.AddressFamily, str]) -> Resolve:
    """Resolve to one answer after the other, as a name that changes its mind does."""
    left = list(answers)

    def resolve(host: str, port: int) -> Addresses:
        asked.append(host)
        family, address = left.pop(0)
        return [(family, (address, port))]

    return resolve


@pytest.fixture
def rude() -> Iterator[Rude]:
    """A server that says what it is told to say."""
    with rude_server() as server:
        yield server


@pytest.fixture
def reader(rude: Rude) -> Iterator[WebsiteReader]:
    """A reader for whom every name is the server: only the rules about addresses' text remain."""
    port = int(rude.url.rpartition(":")[2])
    client = HttpClient(resolve=lambda *_: [(socket.AF_INET, ("127.0.0.1", port))])
    own = WebsiteReader(client=client)
    yield own
    own.close()


@pytest.mark.parametrize("address", ["127.0.0.1", "169.254.169.254", "10.0.0.1"])
def test_a_name_that_leads_inside_is_not_followed(address: str) -> None:
    asked: list[str] = []
    reader = WebsiteReader(resolve=resolving(asked, (socket.AF_INET, address)))

    outcome = reader.fetch("http://inside.example/", soon())

    assert outcome == InvalidInput("its address is not public")
    assert asked == ["inside.example"]


def test_r16_a_name_that_changes_its_mind_is_looked_up_once() -> None:
    asked: list[str] = []
    # Nobody answers at the first address; a second look-up would lead to the loopback.
    answers = [(socket.AF_INET6, "2000::1"), (socket.AF_INET, "127.0.0.1")]
    reader = WebsiteReader(resolve=resolving(asked, *answers))

    outcome = reader.fetch("http://rebind.example/", soon())

    assert isinstance(outcome, Unavailable)
    assert asked == ["rebind.example"]


def test_a_page_is_read_where_its_redirects_lead(rude: Rude, reader: WebsiteReader) -> None:
    rude.says(
        http("", "Location: http://www.acme.example/home", status="301 Moved"),
        http("", "Location: start?x=1", status="302 Found"),
        HTML,
    )

    page = reader.fetch("http://acme.example", soon())

    assert isinstance(page, Page)
    assert page.url == "http://www.acme.example/start?x=1"
    assert page.body == b"<title>Acme</title>"
    hosts = [line for request in rude.requests for line in request.split("\r\n") if "Host" in line]
    assert hosts == [
        "Host: acme.example",
        "Host: www.acme.example",
        "Host: www.acme.example",
    ]


@pytest.mark.parametrize(
    "location",
    [
        "http://169.254.169.254/latest/meta-data",
        "http://127.0.0.1/",
        "file:///etc/passwd",
        "http://acme.example:8080/",
        "http://user@acme.example/",
        "http://localhost/",
    ],
)
def test_r15_a_redirect_to_where_a_row_may_not_lead_is_refused(
    rude: Rude, reader: WebsiteReader, location: str
) -> None:
    rude.says(http("", f"Location: {location}", status="302 Found"), HTML)

    outcome = reader.fetch("http://acme.example/", soon())

    assert isinstance(outcome, InvalidInput)
    assert len(rude.requests) == 1


def test_r15_redirects_end_after_three(rude: Rude, reader: WebsiteReader) -> None:
    rude.says(http("", "Location: /again", status="302 Found"))

    assert reader.fetch("http://acme.example/", soon()) == Malformed("too many redirects")
    assert len(rude.requests) == 4


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (http("%PDF", "Content-Type: application/pdf"), OutcomeKind.MALFORMED),
        (http("", status="404 None"), OutcomeKind.MALFORMED),
        (http("", status="503 Busy"), OutcomeKind.UNAVAILABLE),
    ],
    ids=["pdf", "404", "503"],
)
def test_what_is_no_page_is_an_outcome(
    rude: Rude, reader: WebsiteReader, raw: bytes, kind: OutcomeKind
) -> None:
    rude.says(raw)

    outcome = reader.fetch("http://acme.example/", soon())

    assert not isinstance(outcome, Page)
    assert outcome.kind is kind
