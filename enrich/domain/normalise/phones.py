"""Telephone numbers: «+» and digits (E.164).

An extension is shown, and makes no other number: it is a field of its own, and few sources have it.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from enrich.domain.normalise.model import (
    Context,
    Form,
    Unreadable,
)

__all__ = ["phone_reader"]

_E164 = re.compile(r"\+[1-9]\d{6,14}")
_SPACED = re.compile(r"(?<=\d)[ .\-]+(?=\d)")
_NORTH_AMERICAN = re.compile(
    r"(?:1[ .\-/]?)?\(?([2-9]\d\d)\)?[ .\-/]*([2-9]\d\d)[ .\-]?(\d{4})"
    r"(?:\s*(?:,|;)?\s*(?:x|ext\.?|extension)\s*(\d{1,6}))?",
    re.IGNORECASE,
)
_ABROAD = re.compile(r"^(?:00|011(?=\s*\d{2}))")


@dataclass(frozen=True, slots=True)
class _Plan:
    """How many digits a calling code's numbers have, and what is dialled before them at home."""

    lengths: frozenset[int]
    home_prefix: re.Pattern[str]


@cache
def _plan(calling_code: int) -> _Plan | None:
    """Give a code's plan; None for codes that do not exist or belong to no country."""
    from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata

    regions = COUNTRY_CODE_TO_REGION_CODE.get(calling_code, ())
    metadata = PhoneMetadata.metadata_for_region(regions[0], None) if regions else None
    if metadata is None or metadata.general_desc is None:
        return None
    return _Plan(
        frozenset(metadata.general_desc.possible_length),
        re.compile(metadata.national_prefix_for_parsing or "(?!)"),
    )


def phone_reader(context: Context) -> Callable[[str], Form | Unreadable]:
    """Make the reader of numbers.

    A number without «+» or «00» is read by the rules of the context's region; without one, ten
    digits grouped as in North America are read as such.
    """

    def read(text: str) -> Form | Unreadable:
        if text.startswith("+"):
            digits = _SPACED.sub("", text)
            if _E164.fullmatch(digits) and _is_canonical(digits):
                return Form(digits, digits)
        if not context.region or context.region == "US":
            local = _NORTH_AMERICAN.fullmatch(text)
            if local:
                return _extended(f"+1{local[1]}{local[2]}{local[3]}", local[4])
        return _parse(_ABROAD.sub("+", text), context.region or None)

    return read


def _is_canonical(number: str) -> bool:
    """Say whether the package would leave the number as it is; where in doubt, no."""
    for digits in (1, 2, 3):
        if plan := _plan(int(number[1 : 1 + digits])):
            rest = number[1 + digits :]
            stripped = plan.home_prefix.match(rest)
            return len(rest) in plan.lengths and not (stripped and stripped[0])
    return False


def _parse(text: str, region: str | None) -> Form | Unreadable:
    from phonenumbers import (
        NumberParseException,
        PhoneNumberFormat,
        format_number,
        is_possible_number,
        parse,
    )

    try:
        number = parse(text, region)
    except NumberParseException:
        known = region or text.startswith(("+", "＋"))
        return Unreadable("is no phone number" if known else "is no phone number with its country")
    if not is_possible_number(number):
        return Unreadable("has too many or too few digits for a phone number")
    plain = format_number(number, PhoneNumberFormat.E164)
    return _extended(plain, number.extension)


def _extended(number: str, extension: str | None) -> Form:
    if not extension:
        return Form(number, number)
    return Form(number, f"{number} ext. {extension}")
