"""The registrable domain of a web address or e-mail address, by two readers of suffix rules.

The two carry snapshots of different dates and differ in what they do with private suffixes, so
where they agree, two programs do.
"""

import re
from collections.abc import Callable
from functools import partial
from urllib.parse import urlsplit

from enrich.domain.outcome import InvalidInput, Outcome
from enrich.domain.provider import ProviderSpec, Tier
from enrich.domain.values import JsonObject
from providers.base import LocalProvider, Once, observed, text_of

__all__ = ["host_of", "publicsuffix_provider", "read_with_tldextract", "tldextract_provider"]

Registrable = Callable[[str], str]

_INPUTS = (frozenset({"website"}), frozenset({"domain"}), frozenset({"email"}))
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")

TLDEXTRACT = ProviderSpec(
    name="domains_tldextract",
    version="1",
    tier=Tier.FREE,
    gives={"domain": 0.97, "email_domain": 0.98},
    inputs=_INPUTS,
    licence="BSD-3-Clause",
    source="tldextract with the public suffix list that it carries",
    data_date="2026-10-01",
    bulk_size=1000,
)
PUBLICSUFFIX = ProviderSpec(
    name="domains_publicsuffix",
    version="1",
    tier=Tier.FREE,
    gives={"domain": 0.96, "email_domain": 0.97},
    inputs=_INPUTS,
    licence="MPL-2.0",
    source="publicsuffixlist with the public suffix list that it carries",
    data_date="2026-10-23",
    bulk_size=1000,
)


def tldextract_provider() -> LocalProvider[Registrable]:
    """Make the provider that reads with tldextract; it never fetches a newer list."""
    return LocalProvider(TLDEXTRACT, load=read_with_tldextract, read=partial(_read, TLDEXTRACT))


def publicsuffix_provider() -> LocalProvider[Registrable]:
    """Make the provider that reads with publicsuffixlist, by the ICANN part of its list."""
    return LocalProvider(PUBLICSUFFIX, load=_load_publicsuffix, read=partial(_read, PUBLICSUFFIX))


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


def _load_publicsuffix() -> Registrable:
    from publicsuffixlist import PublicSuffixList

    suffixes = PublicSuffixList(accept_unknown=False, only_icann=True)
    return lambda host: suffixes.privatesuffix(host) or ""


def _read(spec: ProviderSpec, registrable: Registrable, inputs: JsonObject) -> Outcome:
    email_host = host_of(text_of(inputs, "email").rpartition("@")[2])
    site_host = host_of(text_of(inputs, "website")) or host_of(text_of(inputs, "domain"))
    if not (email_host or site_host):
        return InvalidInput("no host name in it")
    return observed(
        spec.gives,
        {
            "domain": registrable(site_host) if site_host else "",
            "email_domain": registrable(email_host) if email_host else "",
        },
    )
