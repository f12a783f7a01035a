"""Providers of other packages, named by a setting."""

from dataclasses import replace

import pytest

from enrich.domain.outcome import NotFound
from enrich.domain.provider import ProviderSpec, Tier
from enrich.errors import SettingsError
from enrich.ports import Provider
from enrich.settings import load_settings
from providers.registry import providers, select
from tests.unit.engine_world import Scripted

_HERE = "tests.unit.test_added_providers"
_SPEC = ProviderSpec(
    name="acme",
    version="1",
    tier=Tier.FREE,
    gives={"industry": 0.9},
    inputs=(frozenset({"company_name"}),),
)


def acme() -> Provider:
    return Scripted(_SPEC, lambda _query: NotFound())


def places() -> Provider:
    return Scripted(replace(_SPEC, name="places"), lambda _query: NotFound())


def misspelt() -> Provider:
    return Scripted(replace(_SPEC, gives={"industri": 0.9}), lambda _query: NotFound())


def nothing() -> None:
    pass


def test_added_provider_is_one_of_all_and_can_be_named() -> None:
    added = (f"{_HERE}:acme",)

    assert select(modules=added).keys() == {*select(), "acme"}
    assert list(select(["acme"], modules=added)) == ["acme"]
    assert "acme" not in providers()


@pytest.mark.parametrize(
    ("location", "problem"),
    [
        ("acme.lookup:provider", "cannot be imported .*PYTHONPATH"),
        (f"{_HERE}:acne", f"module '{_HERE}' has no 'acne'"),
        (f"{_HERE}:nothing", "gives no provider"),
        (f"{_HERE}:_SPEC", "gives no provider"),
        (f"{_HERE}:places", "gives 'places', which is there already"),
        (f"{_HERE}:misspelt", "a field 'industri' .* did you mean 'industry'"),
    ],
    ids=["no module", "no function", "no provider", "no function but a value", "twice", "field"],
)
def test_what_cannot_be_added_is_refused_by_name(location: str, problem: str) -> None:
    with pytest.raises(SettingsError, match=problem) as caught:
        providers((location,))

    assert caught.value.name == "ENRICH_PROVIDERS__MODULES"


def test_setting_lists_places_between_commas() -> None:
    env = {"ENRICH_PROVIDERS__MODULES": "acme.lookup:provider, acme:other ,"}

    assert load_settings(env).providers.modules == ("acme.lookup:provider", "acme:other")


@pytest.mark.parametrize("value", ["acme", "acme.lookup.provider", "acme:", ":f", "a-b:f", "a:b:c"])
def test_setting_that_names_no_function_is_refused(value: str) -> None:
    with pytest.raises(SettingsError, match=r"package\.module:function") as caught:
        load_settings({"ENRICH_PROVIDERS__MODULES": value})

    assert caught.value.name == "ENRICH_PROVIDERS__MODULES"
    assert repr(value) in str(caught.value)
