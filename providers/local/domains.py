"""The registrable domain of a web address or e-mail address, by two readers of suffix rules.

The two carry snapshots of different dates and differ in what they do with private suffixes, so
where they agree, two programs do. Without a web address the domain is that of the row's e-mail
address, unless that is at a free or throw-away mail provider.
"""

from functools import partial

from enrich.domain.normalise.webs import host_of
from enrich.domain.outcome import InvalidInput, Outcome
from enrich.domain.provider import ProviderSpec, Tier
from enrich.domain.values import Json, JsonObject
from providers.base import LocalProvider, observed, text_of
from providers.local.email_lists import is_public_mail
from providers.local.hosts import Registrable, read_with_tldextract

__all__ = ["publicsuffix_provider", "tldextract_provider"]

_INPUTS = (frozenset({"website"}), frozenset({"domain"}), frozenset({"email"}))
#: That a firm's mail and its web site share a domain is usual, not certain.
_FROM_MAIL = 0.8

TLDEXTRACT = ProviderSpec(
    name="domains_tldextract",
    version="1",
    tier=Tier.FREE,
    gives={"domain": 0.97, "email_domain": 0.98},
    inputs=_INPUTS,
    licence="BSD-3-Clause",
    source="tldextract with the public suffix list that it carries",
    data_date="2025-04-07",
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
    data_date="2026-10-22",
    bulk_size=1000,
)


def tldextract_provider() -> LocalProvider[Registrable]:
    """Make the provider that reads with tldextract; it never fetches a newer list."""
    return LocalProvider(TLDEXTRACT, load=read_with_tldextract, read=partial(_read, TLDEXTRACT))


def publicsuffix_provider() -> LocalProvider[Registrable]:
    """Make the provider that reads with publicsuffixlist, by the ICANN part of its list."""
    return LocalProvider(PUBLICSUFFIX, load=_load_publicsuffix, read=partial(_read, PUBLICSUFFIX))


def _load_publicsuffix() -> Registrable:
    from publicsuffixlist import PublicSuffixList

    suffixes = PublicSuffixList(accept_unknown=False, only_icann=True)
    return lambda host: suffixes.privatesuffix(host) or ""


def _read(spec: ProviderSpec, registrable: Registrable, inputs: JsonObject) -> Outcome:
    mail_host = host_of(text_of(inputs, "email").rpartition("@")[2])
    site_host = host_of(text_of(inputs, "website")) or host_of(text_of(inputs, "domain"))
    if not (mail_host or site_host):
        return InvalidInput("no host name in it")
    mail = registrable(mail_host) if mail_host else ""
    site = registrable(site_host) if site_host else ""
    guessed = "" if site_host or is_public_mail(mail_host) else mail
    values: dict[str, Json] = {"domain": site or guessed, "email_domain": mail}
    priors = spec.gives if site else {**spec.gives, "domain": _FROM_MAIL}
    return observed(priors, values)
