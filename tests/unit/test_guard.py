"""Where a row may lead: the public Internet, and nowhere else however it is written."""

import socket

import pytest

from providers.guard import RefusedAddressError, guarded, is_public, safe_url
from providers.wire import Addresses, Resolve

_REFUSED = [
    "0.0.0.0", "10.0.0.0", "10.255.255.255", "100.64.0.0", "100.127.255.255", "127.0.0.1",
    "127.255.255.255", "169.254.169.254", "172.16.0.0", "172.31.255.255", "192.0.0.8", "192.0.2.1",
    "192.88.99.1", "192.168.0.1", "198.18.0.0", "198.19.255.255", "198.51.100.1", "203.0.113.1",
    "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "64:ff9b::7f00:1",
    "64:ff9b::808:808", "64:ff9b:1::1", "100::1", "2001::1", "2001:db8::1", "2002:7f00:1::",
    "2002:808:808::", "fc00::1", "fdff::1", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1",
    "4000::1",
    "", "localhost", "2130706433", "0177.0.0.1", "127.1",
]  # fmt: skip
_PUBLIC = [
    "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0",
    "126.255.255.255", "128.0.0.0", "169.253.255.255", "169.255.0.0", "172.15.255.255",
    "172.32.0.0", "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0",
    "223.255.255.255",
    "2606:4700::1111", "2a00:1450::1", "2001:4860:4860::8888",
]  # fmt: skip


@pytest.mark.parametrize("address", _REFUSED)
def test_an_address_that_is_not_public_is_refused(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", _PUBLIC)
def test_an_address_beside_a_refused_block_is_public(address: str) -> None:
    assert is_public(address)


def _resolving(*addresses: str) -> Resolve:
    def resolve(_host: str, port: int) -> Addresses:
        return [(socket.AF_INET, (address, port)) for address in addresses]

    return resolve


def test_a_name_with_public_addresses_only_gives_them() -> None:
    assert guarded(_resolving("1.1.1.1", "8.8.8.8"))("a.example", 443) == [
        (socket.AF_INET, ("1.1.1.1", 443)),
        (socket.AF_INET, ("8.8.8.8", 443)),
    ]


@pytest.mark.parametrize("addresses", [("127.0.0.1",), ("8.8.8.8", "10.0.0.1"), ()])
def test_a_name_with_one_private_address_gives_none(addresses: tuple[str, ...]) -> None:
    with pytest.raises(RefusedAddressError, match="not public"):
        guarded(_resolving(*addresses))("a.example", 443)


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        ("https://www.Example.com/a?b=c#d", "https://www.example.com/a?b=c"),
        ("http://example.com:80/", "http://example.com:80/"),
        ("https://bücher.example", "https://xn--bcher-kva.example"),
        ("https://example.com./x", "https://example.com/x"),
    ],
)
def test_an_address_of_a_website_is_brought_to_its_plain_form(url: str, safe: str) -> None:
    assert safe_url(url).geturl() == safe


@pytest.mark.parametrize(
    "url",
    [
        "", "example.com", "//example.com", "ftp://example.com", "file:///etc/passwd",
        "gopher://example.com", "https://user@example.com", "https://user:pw@example.com",
        "http://127.0.0.1/", "http://127.1/", "http://2130706433/", "http://0177.0.0.1/",
        "http://0x7f.1/", "http://[::1]/", "http://[::ffff:127.0.0.1]/", "http://localhost/",
        "http://a.localhost/", "http://metadata.google.internal/", "http://printer.local/",
        "http://example.com:22/", "http://example.com:8080/", "http://example.com:0/",
        "http://example.com:99999/", "http://127.0.0.1\\@example.com/", "http://exa mple.com/",
        "http://example.com\r\nHost: x/", "http://ⓛocalhost/", "http://169.254.169.254/latest",
        "http://example/", "http://-a.example/", "http://a..example/", "http://1.2.3/", "http://[",
        "http://{host}.example/",
    ],
)  # fmt: skip
def test_what_is_no_address_of_a_website_is_refused(url: str) -> None:
    with pytest.raises(RefusedAddressError):
        safe_url(url)
