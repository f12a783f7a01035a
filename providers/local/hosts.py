"""Host names in web addresses, and the registrable domain of a host."""

import re
from collections.abc import Callable
from urllib.parse import urlsplit

from providers.base import Once

__all__ = ["Registrable", "host_of", "read_with_tldextract", "registrable"]

#: From a host to its registrable domain; empty when it has none.
Registrable = Callable[[str], str]

_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")


def host_of(address: str) -> str:
    """Give the host of a web address or bare host name, lower case and in ASCII; "" if none."""
    text = "".join(address.split())
    try:
        host = urlsplit(text if "//" in text else f"//{text}").hostname or ""
        host = host.rstrip(".").encode("idna").decode("ascii")
    except ValueError:
        return ""
    labels = host.split(".")
    is_name = len(labels) > 1 and not labels[-1].isdigit()
    return host if is_name and all(_LABEL.fullmatch(label) for label in labels) else ""


def _load_tldextract() -> Registrable:
    from tldextract import TLDExtract

    extract = TLDExtract(suffix_list_urls=(), cache_dir=None)
    return lambda host: extract(host).top_domain_under_public_suffix


#: The reader, made once a process and shared.
read_with_tldextract = Once(_load_tldextract)


def registrable(address: str) -> str:
    """Give a web address's registrable domain; empty when it names none."""
    host = host_of(address)
    return read_with_tldextract()(host) if host else ""
