"""What one call may read, whom it asks and how it is secured, as seen by the server (R05, SSRF)."""

import datetime as dt
import socket
import ssl
import threading
import zlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from random import Random

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from enrich.domain.outcome import Malformed, Outcome, Unavailable
from enrich.ports.outside import Deadline
from providers.base import SystemClock
from providers.exchange import HttpCall, HttpFault
from providers.http import WIRE_BYTES_MAX, HttpClient
from providers.spec.model import Timeouts
from providers.wire import Addresses
from tests.faults.rude_server import Rude, rude_server

_PATIENCE_S = 60.0
#: What the kernel may hold between a server and a client that reads no more.
_BUFFERS_BYTES = 256 * 1024
_NOISE = Random(5).randbytes(64 * 1024)
_HEAD = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@pytest.fixture
def rude() -> Iterator[Rude]:
    """A server that says what it is told to say."""
    with rude_server() as server:
        yield server


def outcome_of(client: HttpClient, url: str, **times: float) -> Outcome:
    deadline = Deadline(SystemClock().monotonic_s() + _PATIENCE_S)
    patient = dict.fromkeys(("connect_s", "read_s", "total_s"), _PATIENCE_S)
    with closing(client):
        ended = client.send(
            HttpCall(method="GET", url=url),
            deadline=deadline,
            timeouts=Timeouts(**(patient | times)),
        )
    assert isinstance(ended, HttpFault)
    return ended.outcome


def pieces(encoding: str) -> Iterator[bytes]:
    """Give fifty megabytes as they go over the wire."""
    if encoding == "gzip":
        packer = zlib.compressobj(wbits=31)
        for _ in range(800):
            yield packer.compress(_NOISE) + packer.flush(zlib.Z_SYNC_FLUSH)
        return
    yield from (_NOISE for _ in range(800))


@pytest.mark.parametrize(
    ("header", "encoding"),
    [
        ("Content-Length: 52428800", ""),
        ("Connection: close", ""),
        ("Content-Length: 52428800\r\nContent-Encoding: gzip", "gzip"),
    ],
    ids=["of a known length", "of an unknown length", "compressed noise"],
)
def test_r05_no_more_bytes_are_read_than_the_limit(rude: Rude, header: str, encoding: str) -> None:
    sent_bytes, is_cut = [0], threading.Event()

    def flood(client: socket.socket) -> None:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        client.sendall(f"{_HEAD}{header}\r\n\r\n".encode())
        try:
            for piece in pieces(encoding):
                for start in range(0, len(piece), 4096):
                    sent_bytes[0] += client.send(piece[start : start + 4096])
        except OSError:
            is_cut.set()

    def narrow(_host: str, _port: int) -> Addresses:
        return [(socket.AF_INET, ("127.0.0.1", int(rude.url.rpartition(":")[2])))]

    rude.says(flood)

    outcome = outcome_of(HttpClient(resolve=narrow), rude.url)

    assert outcome == Malformed("the body is too large")
    assert is_cut.wait(_PATIENCE_S)
    # What the limit lets in, and what had left before the connection was closed.
    assert WIRE_BYTES_MAX < sent_bytes[0] < 8 * (WIRE_BYTES_MAX + _BUFFERS_BYTES)


def test_no_proxy_is_taken_from_the_environment(
    rude: Rude, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    rude.says(b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 0\r\n\r\n")

    assert outcome_of(HttpClient(), rude.url) == Malformed("an encoding that was not offered")
    assert len(rude.requests) == 1


def test_no_key_is_taken_from_a_netrc(
    rude: Rude, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login canary password canary\n")
    monkeypatch.setenv("NETRC", str(netrc))
    rude.says(b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 0\r\n\r\n")

    outcome_of(HttpClient(), rude.url)

    assert "authorization" not in rude.requests[0].lower()


def test_a_name_that_is_not_resolved_in_time_ends_the_call() -> None:
    released = threading.Event()

    def never(_host: str, _port: int) -> Addresses:
        released.wait(30)
        return []

    client = HttpClient(resolve=never)
    try:
        outcome = outcome_of(client, "http://slow.example/", connect_s=0.1, total_s=0.5)
    finally:
        released.set()

    assert isinstance(outcome, Unavailable)


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate of acme.example that nobody has signed, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "acme.example")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    file = tmp_path / "both.pem"
    plain = serialization.NoEncryption(), serialization.PrivateFormat.PKCS8
    file.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, plain[1], plain[0])
    )
    return file


def test_the_address_that_was_checked_is_asked_as_the_host_that_was_named(
    certificate: Path,
) -> None:
    named: list[str | None] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.sni_callback = lambda _socket, name, _context: named.append(name)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        serving = threading.Thread(target=_shake_hands, args=(listener, context))
        serving.start()
        client = HttpClient(resolve=lambda *_: [(socket.AF_INET, ("127.0.0.1", port))])

        outcome = outcome_of(client, "https://acme.example/")
        serving.join()

    assert named == ["acme.example"]
    # Nobody has signed it: the host's certificate is what is looked at, whatever the address.
    assert isinstance(outcome, Unavailable | Malformed)


def _shake_hands(listener: socket.socket, context: ssl.SSLContext) -> None:
    client, _ = listener.accept()
    try:
        context.wrap_socket(client, server_side=True).close()
    except OSError:
        client.close()
