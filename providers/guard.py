"""Which addresses a row may lead us to: those of the public Internet, by a table of our own.

For the one provider that reads a website which a row names. All others talk to hosts of the
configuration. Names are resolved once; every answer must be public, and one that was checked is
what is connected to, so that a name cannot answer twice in different ways.
"""

import re
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import SplitResult, urlsplit

from providers.wire import Addresses, Resolve

__all__ = ["RefusedAddressError", "guarded", "is_public", "safe_url"]

_PORTS = frozenset({80, 443})
_LABEL = r"(?!-)[a-z0-9-]{1,63}(?<!-)"
_HOST = re.compile(rf"(?=.{{4,253}}$)({_LABEL}\.)+(?![0-9]+$){_LABEL}")
#: Suffixes under which nobody is on the public Internet.
_PRIVATE_SUFFIXES = (
    ".localhost", ".local", ".internal", ".intranet", ".lan", ".home", ".corp", ".arpa", ".onion",
    ".test", ".invalid", ".localdomain",
)  # fmt: skip

#: Nothing here is a website of somebody's: private, shared, our own, special, or a way around.
_REFUSED = tuple(
    ip_network(block)
    for block in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",  # shared by carriers
        "127.0.0.0/8",
        "169.254.0.0/16",  # link-local: the metadata of clouds
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",  # with the broadcast address
        "::/96",  # unspecified, loopback, and IPv4 in an old spelling
        "::ffff:0:0/96",  # IPv4 mapped: asked for as IPv6 by nobody honest
        "64:ff9b::/96",  # NAT64: leads to any IPv4
        "64:ff9b:1::/48",
        "100::/64",
        "2001::/23",  # Teredo and other protocols
        "2001:db8::/32",
        "2002::/16",  # 6to4: leads to any IPv4
        "3fff::/20",
        "5f00::/16",
        "fc00::/7",
        "fe80::/10",
        "fec0::/10",
        "ff00::/8",
    )
)


#: What is given out of IPv6 so far; whatever lies outside is nobody's.
_GIVEN_OUT = ip_network("2000::/3")


class RefusedAddressError(OSError):
    """A row leads where we do not go; never says where that is."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)


def is_public(address: str) -> bool:
    """Say whether an address, as a resolver writes it, is one of the public Internet."""
    try:
        parsed: IPv4Address | IPv6Address = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if parsed.version == 6 and parsed not in _GIVEN_OUT:
        return False
    return not any(parsed in block for block in _REFUSED if block.version == parsed.version)


def guarded(resolve: Resolve) -> Resolve:
    """Make a resolver that gives addresses only when every one of them is public.

    It raises `RefusedAddressError` otherwise: a name that has one private address is not trusted
    with its others.
    """

    def checked(host: str, port: int) -> Addresses:
        addresses = resolve(host, port)
        if not addresses or not all(is_public(str(address[0])) for _, address in addresses):
            raise RefusedAddressError("its address is not public")
        return addresses

    return checked


def safe_url(url: str) -> SplitResult:
    """Read an address that a row or a redirect gives: http or https, a name, the usual port.

    Raises:
        RefusedAddressError: it is anything else; a number is no name, however it is written.
    """
    if any(c <= " " or c in '\\"<>^`{|}' or c == "\x7f" for c in url):
        raise RefusedAddressError("it has characters that no address has")
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").rstrip(".").encode("idna").decode().lower()
        usual = 443 if parts.scheme == "https" else 80
        port = usual if parts.port is None else parts.port
    except ValueError:
        raise RefusedAddressError("it is no address") from None
    if parts.scheme not in {"http", "https"}:
        raise RefusedAddressError("it is neither http nor https")
    if "@" in parts.netloc:
        raise RefusedAddressError("it names a user")
    if port not in _PORTS:
        raise RefusedAddressError("its port is not one of a website")
    if not _HOST.fullmatch(host) or host.endswith(_PRIVATE_SUFFIXES):
        raise RefusedAddressError("its host is no public name")
    return parts._replace(netloc=host if parts.port is None else f"{host}:{port}", fragment="")
