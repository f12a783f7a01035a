"""Numbers, money and years: read to one form, compared within a tolerance or by their ranges."""

import re
from collections.abc import Callable
from decimal import Decimal
from functools import cache

from enrich.domain.normalise.amounts import Amount, amount_of_canonical, read_amount, written
from enrich.domain.normalise.model import (
    DIFFERENT,
    Context,
    Form,
    Likeness,
    Normalised,
    Relation,
    Unreadable,
    alike,
)

__all__ = [
    "canonical_of_amount",
    "compare_amounts",
    "compare_years",
    "money_reader",
    "number_reader",
    "read_year",
    "shown_amount",
]

#: Two amounts this near are one measured twice: 5 in 100.
_NEAR = 0.95
_INTEGER = re.compile(r"0|-?[1-9]\d*")
_YEAR = re.compile(r"(?<!\d)(1\d{3}|20\d\d)(?!\d)")
_NO_CURRENCIES: frozenset[str] = frozenset()


@cache
def _currencies() -> frozenset[str]:
    from babel.numbers import list_currencies

    return frozenset(list_currencies())


def number_reader(context: Context) -> Callable[[str], Form | Unreadable]:
    """Make the reader of numbers, perhaps with a unit, perhaps ranges."""

    def read(text: str) -> Form | Unreadable:
        if _INTEGER.fullmatch(text):
            return Form(text, text)
        amount = read_amount(text, decimal_comma=context.decimal_comma, currencies=_NO_CURRENCIES)
        if amount is None:
            return Unreadable("is not one number")
        return _form(Amount(amount.low, amount.high, amount.unit.casefold()), is_money=False)

    return read


def money_reader(context: Context) -> Callable[[str], Form | Unreadable]:
    """Make the reader of money: «USD 3200000000», without the currency when none is known."""

    def read(text: str) -> Form | Unreadable:
        amount = read_amount(text, decimal_comma=context.decimal_comma, currencies=_currencies())
        if amount is None or (amount.unit and amount.unit not in _currencies()):
            return Unreadable("is not one amount of money")
        unit = amount.unit or context.currency
        return _form(Amount(amount.low, amount.high, unit), is_money=True)

    return read


def _form(amount: Amount, *, is_money: bool) -> Form:
    return Form(
        canonical_of_amount(amount, is_money=is_money), shown_amount(amount, is_money=is_money)
    )


def canonical_of_amount(amount: Amount, *, is_money: bool) -> str:
    """Write an amount for comparing: «USD 1000..5000», «12.5 km»."""
    return _with_unit(_ends(amount), amount.unit, is_money)


def shown_amount(amount: Amount, *, is_money: bool) -> str:
    """Write an amount for people: «USD 1000-5000», «10000+», «<= 50»."""
    low, high = _written(amount.low), _written(amount.high)
    if not amount.is_range:
        shown = low
    elif amount.low is None:
        shown = f"<= {high}"
    elif amount.high is None:
        shown = f"{low}+"
    else:
        shown = _ends(amount) if amount.low < 0 else f"{low}-{high}"
    return _with_unit(shown, amount.unit, is_money)


def _ends(amount: Amount) -> str:
    low, high = _written(amount.low), _written(amount.high)
    return f"{low}..{high}" if amount.is_range else low


def _with_unit(text: str, unit: str, is_money: bool) -> str:
    if not unit:
        return text
    return f"{unit} {text}" if is_money else f"{text} {unit}"


def _written(value: Decimal | None) -> str:
    return "" if value is None else written(value)


def read_year(text: str) -> Form | Unreadable:
    """Read the one year that a text names."""
    years = set(_YEAR.findall(text))
    if len(years) != 1:
        return Unreadable("names several years" if years else "names no year")
    year = years.pop()
    return Form(year, year)


def compare_years(first: Normalised, second: Normalised) -> Likeness:
    """Compare years: neighbours are near, as a founding and a registration often are."""
    apart = abs(int(first.canonical) - int(second.canonical))
    return alike(max(0.0, 1.0 - apart / 20), near=_NEAR)


def compare_amounts(first: Normalised, second: Normalised) -> Likeness:
    """Compare amounts of one unit: within a range, near each other, or different."""
    one, other = amount_of_canonical(first.canonical), amount_of_canonical(second.canonical)
    if one.unit and other.unit and one.unit != other.unit:
        return DIFFERENT
    if one.is_range or other.is_range:
        return _compare_ranges(one, other)
    a, b = one.low or Decimal(0), other.low or Decimal(0)
    largest = max(abs(a), abs(b))
    # A bare amount may be in another currency than the one that names its own.
    sure = 1.0 if one.unit == other.unit else _NEAR
    return alike(max(0.0, sure * float(1 - abs(a - b) / largest if largest else 1)), near=_NEAR)


def _compare_ranges(one: Amount, other: Amount) -> Likeness:
    if _within(one, other):
        return Likeness(Relation.FIRST_WITHIN_SECOND, 0.9)
    if _within(other, one):
        return Likeness(Relation.SECOND_WITHIN_FIRST, 0.9)
    return DIFFERENT


def _within(inner: Amount, outer: Amount) -> bool:
    low_fits = outer.low is None or (inner.low is not None and inner.low >= outer.low)
    high_fits = outer.high is None or (inner.high is not None and inner.high <= outer.high)
    return low_fits and high_fits
