"""The list of providers. To register one is to add its line here.

A line names the provider and the function that makes it; a module is imported when the list is
first asked for, and it imports its data when it is first asked a question. Providers of other
packages are added by a setting, as the same «module:function».
"""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from types import MappingProxyType

from enrich.domain.fields import FIELDS
from enrich.domain.provider import ProviderSpec
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


#: Who adds providers reads this name in every error about them.
_SETTING = "ENRICH_PROVIDERS__MODULES"


@cache
def providers(modules: tuple[str, ...] = ()) -> Mapping[str, Provider]:
    """Give every provider by name, in the order of the list; one object a process.

    `modules` adds others: «module:function», the function giving a provider.

    Raises:
        SettingsError: two have one name, a line's name is not its provider's, or one that is added
            cannot be made.
    """
    known = dict(index((*_LOCAL, *_SIMULATED)))
    for location in modules:
        provider = _added(location)
        name = provider.spec.name
        if name in known:
            raise SettingsError(_SETTING, f"{location!r} gives {name!r}, which is there already")
        known[name] = provider
    return MappingProxyType(known)


def select(
    names: Iterable[str] | None = None,
    *,
    simulated: bool = False,
    modules: tuple[str, ...] = (),
    more: Mapping[str, Provider] | None = None,
) -> Mapping[str, Provider]:
    """Give the providers of these names, or all; simulated ones only when asked for.

    A simulated provider that is named counts as asked for. `modules` adds others to choose from,
    and so does `more`: those of the catalogue.

    Raises:
        UnknownNameError: there is no provider of a name; the nearest is offered.
        SettingsError: one that is added cannot be made, or has a name that is there already.
    """
    known = dict(providers(modules))
    for name, provider in (more or {}).items():
        if name in known:
            raise SettingsError("ENRICH_PROVIDERS__CATALOGUE", f"{name!r} is there already")
        known[name] = provider
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


def _added(location: str) -> Provider:
    module, _, function = location.partition(":")
    try:
        make = getattr(import_module(module), function)
    except ImportError as exc:
        raise SettingsError(
            _SETTING,
            f"{location!r} cannot be imported ({exc})",
            hint="install its package, or add its folder to PYTHONPATH",
        ) from exc
    except AttributeError:
        raise SettingsError(_SETTING, f"module {module!r} has no {function!r}") from None
    provider: Provider | None = make() if callable(make) else None
    spec = getattr(provider, "spec", None)
    if not (provider and isinstance(spec, ProviderSpec) and hasattr(provider, "ask")):
        raise SettingsError(
            _SETTING, f"{location!r} gives no provider: an object with a spec and ask()"
        )
    _check_fields(location, spec)
    return provider


def _check_fields(location: str, spec: ProviderSpec) -> None:
    # A field that no column can mean would never be asked for, and nobody would learn why.
    for field in sorted(frozenset().union(spec.gives, *spec.inputs, spec.optional_inputs)):
        if field not in FIELDS:
            near = get_close_matches(field, FIELDS, n=1)
            hint = f"did you mean {near[0]!r}?" if near else "known: enrich.domain.fields.FIELDS"
            raise SettingsError(
                _SETTING, f"{location!r} speaks of a field {field!r} that is none", hint=hint
            )
