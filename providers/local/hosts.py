"""The registrable domain of a host."""

from collections.abc import Callable

from enrich.domain.normalise.webs import host_of
from providers.base import Once

__all__ = ["Registrable", "read_with_tldextract", "registrable"]

#: From a host to its registrable domain; empty when it has none.
Registrable = Callable[[str], str]


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
