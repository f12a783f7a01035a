"""Check digits of ISIN, LEI and European VAT numbers, and the country that their letters name."""

from collections.abc import Callable
from dataclasses import dataclass

from enrich.domain.normalise.country_names import CountryNames, country_names
from enrich.domain.outcome import NotFound, Outcome
from enrich.domain.provider import ProviderSpec, Tier
from enrich.domain.values import Json, JsonObject
from providers.base import LocalProvider, observed, text_of

__all__ = ["SPEC", "provider"]

SPEC = ProviderSpec(
    name="identifiers",
    version="1",
    tier=Tier.FREE,
    gives={
        "isin_is_valid": 0.99,
        "lei_is_valid": 0.99,
        "vat_is_valid": 0.98,
        # Where the security or the taxpayer is registered, not always where the head office is.
        "country": 0.7,
        "country_code": 0.7,
    },
    inputs=(frozenset({"isin"}), frozenset({"lei"}), frozenset({"vat_id"})),
    licence="LGPL-2.1-or-later",
    source="python-stdnum",
    data_date="2026-01-04",
    bulk_size=1000,
)
#: Letters of VAT numbers that are not the country's own.
_VAT_LETTERS = {"EL": "GR", "XI": "GB"}


@dataclass(frozen=True, slots=True)
class _Data:
    is_isin: Callable[[str], bool]
    is_lei: Callable[[str], bool]
    is_vat: Callable[[str], bool]
    vat_letters: frozenset[str]
    countries: CountryNames


def provider() -> LocalProvider[_Data]:
    """Make the provider."""
    return LocalProvider(SPEC, load=_load, read=_read)


def _load() -> _Data:
    from stdnum import isin, lei
    from stdnum.eu import vat

    letters = frozenset(state.upper() for state in vat.MEMBER_STATES) | {"EL"}
    return _Data(isin.is_valid, lei.is_valid, vat.is_valid, letters, country_names())


def _read(data: _Data, inputs: JsonObject) -> Outcome:
    isin, lei, vat_id = (text_of(inputs, name).upper() for name in ("isin", "lei", "vat_id"))
    values: dict[str, Json] = {}
    code = None
    if isin:
        values["isin_is_valid"] = data.is_isin(isin)
        code = isin[:2] if values["isin_is_valid"] else None
    if lei:
        values["lei_is_valid"] = data.is_lei(lei)
    # Numbers of other countries are not judged: their rules are not these.
    if vat_id[:2] in data.vat_letters:
        values["vat_is_valid"] = data.is_vat(vat_id)
        code = _VAT_LETTERS.get(vat_id[:2], vat_id[:2]) if values["vat_is_valid"] else code
    if code is not None and code in data.countries.names:
        values |= {"country": data.countries.names[code], "country_code": code}
    return observed(SPEC.gives, values) if values else NotFound()
