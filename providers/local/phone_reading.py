"""Reading one telephone number of a row: which country's rules to read it by, and how sure.

A number with «+» or «00» says its country. A national one is read by the row's country. Without a
country no rules are assumed, but for ten digits that are a valid North American number: those are
read as such, at a lower certainty (lower still when not grouped 3-3-4 as people there do).
"""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from enrich.domain.normalise.country_names import CountryNames
from enrich.domain.values import Json, JsonObject
from providers.base import text_of

if TYPE_CHECKING:
    from phonenumbers import PhoneNumber

__all__ = ["INPUTS", "OPTIONAL_INPUTS", "ReadNumber", "country_of", "read_number"]

INPUTS = (frozenset({"phone"}), frozenset({"phone_e164"}))
OPTIONAL_INPUTS = frozenset({"country", "country_code"})

_NORTH_AMERICAN = re.compile(r"\(?[2-9]\d\d\)?[ .\-][2-9]\d\d[ .\-]?\d{4}")
_TEN_DIGITS = re.compile(r"[2-9]\d\d[2-9]\d{6}")
_GROUPED, _BARE = 0.75, 0.55


@dataclass(frozen=True, slots=True)
class ReadNumber:
    """A valid number; `certainty` is that of the country whose rules it was read by."""

    number: "PhoneNumber"
    certainty: float


def read_number(countries: CountryNames, inputs: JsonObject) -> ReadNumber | None:
    """Read the row's number; None when it is not one valid number of a country that we know."""
    text = text_of(inputs, "phone_e164") or text_of(inputs, "phone")
    stated = text_of(inputs, "country_code") or text_of(inputs, "country")
    for dialled, region, certainty in _readings(text, countries.code_of(stated)):
        if (number := _valid(dialled, region)) is not None:
            return ReadNumber(number, certainty)
    return None


def _readings(text: str, region: str | None) -> list[tuple[str, str | None, float]]:
    if text.startswith(("+", "\uff0b")):
        return [(text, None, 1.0)]
    # Read by the rules of the United States, «0044 …» would become another number.
    if text.startswith("00"):
        return [("+" + text[2:], None, 0.97), *([(text, region, 0.9)] if region else [])]
    if region:
        return [(text, region, 0.97)]
    shape = _GROUPED if _NORTH_AMERICAN.fullmatch(text) else _BARE
    usual = shape == _GROUPED or _TEN_DIGITS.fullmatch(text)
    return [(text, "US", shape)] if usual else []


def _valid(text: str, region: str | None) -> "PhoneNumber | None":
    from phonenumbers import NumberParseException, is_valid_number, parse

    try:
        number = parse(text, region)
    except NumberParseException:
        return None
    return number if is_valid_number(number) else None


def country_of(countries: CountryNames, read: ReadNumber) -> Json:
    """Name the number's country; None for numbers of no country."""
    from phonenumbers import region_code_for_number

    return countries.names.get(str(region_code_for_number(read.number)))
