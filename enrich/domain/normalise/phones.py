"""Telephone numbers: «+» and digits (E.164), an extension apart."""

import re
from collections.abc import Callable
from functools import cache

from enrich.domain.normalise.model import (
    DIFFERENT,
    Context,
    Form,
    Likeness,
    Normalised,
    Relation,
    Unreadable,
)

__all__ = ["compare_phones", "phone_reader"]

_E164 = re.compile(r"\+[1-9]\d{6,14}")
_NORTH_AMERICAN = re.compile(
    r"(?:1[ .\-/]?)?\(?([2-9]\d\d)\)?[ .\-/]*([2-9]\d\d)[ .\-]?(\d{4})"
    r"(?:\s*(?:,|;)?\s*(?:x|ext\.?|extension)\s*(\d{1,6}))?",
    re.IGNORECASE,
)
_ABROAD = re.compile(r"^(?:00|011(?=\s*\d{2}))")


@cache
def _national_zero_only(calling_code: int) -> bool:
    """Say whether the code's numbers are written with no other prefix at home than «0».

    Then a number whose first digit is no zero is already in its canonical form.
    """
    from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata

    regions = COUNTRY_CODE_TO_REGION_CODE.get(calling_code, ())
    metadata = [PhoneMetadata.metadata_for_region(region) for region in regions[:1]]
    return bool(metadata) and all(
        one is not None and one.national_prefix_for_parsing in (None, "0", "1") for one in metadata
    )


@cache
def _lengths(calling_code: int) -> frozenset[int]:
    from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata

    regions = COUNTRY_CODE_TO_REGION_CODE.get(calling_code, ())
    metadata = PhoneMetadata.metadata_for_region(regions[0]) if regions else None
    if metadata is None or metadata.general_desc is None:
        return frozenset()
    return frozenset(metadata.general_desc.possible_length)


def phone_reader(context: Context) -> Callable[[str], Form | Unreadable]:
    """Make the reader of numbers.

    A number without «+» or «00» is read by the rules of the context's region; without one, ten
    digits grouped as in North America are read as such.
    """

    def read(text: str) -> Form | Unreadable:
        if _E164.fullmatch(text) and _is_canonical(text):
            return Form(text, text)
        if not context.region or context.region == "US":
            local = _NORTH_AMERICAN.fullmatch(text)
            if local:
                return _extended(f"+1{local[1]}{local[2]}{local[3]}", local[4])
        return _parse(_ABROAD.sub("+", text), context.region or None)

    return read


def _is_canonical(text: str) -> bool:
    for digits in (1, 2, 3):
        code = int(text[1 : 1 + digits])
        if lengths := _lengths(code):
            rest = text[1 + digits :]
            # At +1 a leading one is the prefix of home; elsewhere a zero is.
            is_bare = rest[0] not in "01"
            return is_bare and len(rest) in lengths and _national_zero_only(code)
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
    return Form(f"{number};ext={extension}", f"{number} ext. {extension}")


def compare_phones(first: Normalised, second: Normalised) -> Likeness:
    """Tell numbers apart; one with an extension is within the number without it."""
    one, _, inner = first.canonical.partition(";")
    other, _, outer = second.canonical.partition(";")
    if one != other or (inner and outer):
        return DIFFERENT
    relation = Relation.FIRST_WITHIN_SECOND if inner else Relation.SECOND_WITHIN_FIRST
    return Likeness(relation, 0.9)
