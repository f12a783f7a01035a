"""The list of providers. To register one is to add its line here.

A line names the provider and the function that makes it; a module is imported when the list is
first asked for, and it imports its data when it is first asked a question.
"""

from collections.abc import Iterable, Mapping
from functools import cache
from importlib import import_module
from types import MappingProxyType

from enrich.errors import SettingsError, UnknownNameError
from enrich.ports.outside import Provider

__all__ = ["index", "providers", "select"]

_LOCAL = (
    ("company_facts", "providers.local.company_facts:provider"),
    ("places", "providers.local.places:provider"),
    ("countries", "providers.local.countries:provider"),
    ("country_facts", "providers.local.country_facts:provider"),
    ("domains_tldextract", "providers.local.domains:tldextract_provider"),
    ("domains_publicsuffix", "providers.local.domains:publicsuffix_provider"),
    ("email_syntax", "providers.local.email_syntax:provider"),
    ("disposable_domains", "providers.local.email_lists:disposable_provider"),
    ("mailchecker", "providers.local.email_lists:mailchecker_provider"),
    ("free_mail_domains", "providers.local.email_lists:free_provider"),
    ("phone_numbers", "providers.local.phone_numbers:provider"),
    ("phone_areas", "providers.local.phone_areas:provider"),
    ("person_names", "providers.local.person_names:provider"),
    ("company_forms", "providers.local.company_forms:provider"),
    ("identifiers", "providers.local.identifiers:provider"),
    ("industry_codes", "providers.local.industry_codes:provider"),
)
_SIMULATED = (
    ("scraper_demo", "providers.demo:scraper_demo"),
    ("apollo_demo", "providers.demo:apollo_demo"),
    ("contacts_demo", "providers.demo:contacts_demo"),
    ("linkedin_api", "providers.demo:linkedin_api"),
)


@cache
def providers() -> Mapping[str, Provider]:
    """Give every provider by name, in the order of the list; one object a process.

    Raises:
        SettingsError: two lines have one name, or a line's name is not its provider's.
    """
    return index((*_LOCAL, *_SIMULATED))


def select(
    names: Iterable[str] | None = None, *, simulated: bool = False
) -> Mapping[str, Provider]:
    """Give the providers of these names, or all; simulated ones only when asked for.

    A simulated provider that is named counts as asked for.

    Raises:
        UnknownNameError: there is no provider of a name; the nearest is offered.
    """
    known = providers()
    if names is None:
        chosen = [name for name, one in known.items() if simulated or not one.spec.simulated]
    else:
        chosen = list(dict.fromkeys(names))
    for name in chosen:
        if name not in known:
            raise UnknownNameError("provider", name, known=tuple(known))
    return MappingProxyType({name: known[name] for name in chosen})


def index(lines: Iterable[tuple[str, str]]) -> Mapping[str, Provider]:
    """Build the providers of lines «name, module:function».

    Raises:
        SettingsError: two lines have one name, or a line's name is not its provider's.
    """
    built: dict[str, Provider] = {}
    for name, location in lines:
        if name in built:
            raise SettingsError("providers", f"{name!r} is listed twice")
        module, _, function = location.partition(":")
        provider: Provider = getattr(import_module(module), function)()
        if provider.spec.name != name:
            raise SettingsError("providers", f"{name!r} is listed, {provider.spec.name!r} is built")
        built[name] = provider
    return MappingProxyType(built)
