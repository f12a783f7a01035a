"""Numbers and money as people write them: grouping, suffixes, currencies, units and ranges.

Built by hand because the packages for it guess: one reads «$3.2B» as 3.2, another «1.5M» as metres.
"""

import re
from dataclasses import dataclass
from decimal import Decimal

__all__ = ["Amount", "amount_of_canonical", "read_amount", "written"]

_SCALES = {
    **dict.fromkeys(["k", "thousand", "thousands", "tsd", "mille"], 10**3),
    **dict.fromkeys(["lakh", "lakhs", "lac"], 10**5),
    **dict.fromkeys(["m", "mm", "mn", "mln", "mio", "million", "millions", "millionen"], 10**6),
    **dict.fromkeys(["crore", "crores", "cr"], 10**7),
    **dict.fromkeys(
        ["b", "bn", "bln", "billion", "billions", "mrd", "milliarden", "milliard"], 10**9
    ),
    **dict.fromkeys(["t", "tn", "trn", "trillion", "trillions"], 10**12),
}
_SIGNS = {
    "US$": "USD", "C$": "CAD", "CA$": "CAD", "A$": "AUD", "AU$": "AUD", "HK$": "HKD",
    "NZ$": "NZD", "S$": "SGD", "NT$": "TWD", "R$": "BRL", "MX$": "MXN", "JP¥": "JPY",
    "CN¥": "CNY", "RMB": "CNY", "€": "EUR", "£": "GBP", "¥": "JPY", "￥": "JPY", "₹": "INR",
    "₩": "KRW", "₽": "RUB", "₺": "TRY", "₪": "ILS", "฿": "THB", "zł": "PLN", "$": "USD",
}  # fmt: skip
_SIGN = "|".join(re.escape(sign) for sign in sorted(_SIGNS, key=len, reverse=True))
_COUNTED = frozenset({
    "employee", "employees", "people", "persons", "staff", "workers", "members", "mitarbeiter",
    "fte", "ftes", "dollars"
})  # fmt: skip
#: What is longer is no number that anybody means, and arithmetic would round it.
_LONGEST, _LARGEST_EXPONENT = 48, 18
_MOST_DIGITS = 24
_PLAIN = re.compile(r"-?\d{1,18}(?:\.\d{1,6})?", re.ASCII)
_PLAIN_GROUPED = re.compile(r"[1-9]\d{0,2}(?:,\d{3})+", re.ASCII)
_SHORT = re.compile(r"([$€£]|[A-Z]{3} |)(\d{1,18}(?:\.\d{1,6})?) ?([KkMmBb]|)", re.ASCII)
_NUMBER = r"(?P<{0}>[-+−]?(?:\d[\d.,'’\s]*\d|\d)(?:[eE][-+]?\d{{1,3}})?|[-+−]?\.\d+)"
_WORD = r"\s*(?P<{0}>[^\W\d_]+\.?)?"
_TO = r"\s*(?:-|–|—|\.\.|\bto\b|\bbis\b|\bà\b|\bund\b|\band\b)\s*"
_RANGE = re.compile(_NUMBER.format("low") + _WORD.format("low_word") + _TO
                    + _NUMBER.format("high") + r"\s*(?P<rest>.*)", re.IGNORECASE)  # fmt: skip
_SINGLE = re.compile(_NUMBER.format("low") + r"\s*(?P<rest>.*)", re.IGNORECASE)
_BEFORE = re.compile(
    r"^(?:(?P<least>>=?|≥|more than|over|at least|above|min\.?)|(?P<most><=?|≤|less than|under"
    r"|up to|below|at most|max\.?)|~|≈|about|around|approx\.?|approximately|ca\.?|circa|c\.)\s*",
    re.IGNORECASE,
)
_CURRENCY = re.compile(rf"(?<![^\W\d_])([A-Z]{{3}})(?![^\W\d_])|({_SIGN})")
_BRACKETS = re.compile(r"\s*[(\[][^)\]]*[)\]]")
_THOUSANDS = re.compile(r"\d{1,3}(?:[ ]\d{3})+|\d+")
_GROUPED = {
    ",": re.compile(r"\d{1,3}(?:,\d{3})+|\d{1,2}(?:,\d{2})+,\d{3}"),
    ".": re.compile(r"\d{1,3}(?:\.\d{3})+"),
}


@dataclass(frozen=True, slots=True)
class Amount:
    """A number or a range of numbers; an end that is None is open. `unit` may be a currency."""

    low: Decimal | None
    high: Decimal | None
    unit: str = ""

    @property
    def is_range(self) -> bool:
        """Whether it is more than one number."""
        return self.low != self.high

    def times(self, factor: Decimal) -> "Amount":
        """Give the amount multiplied."""
        low, high = (None if end is None else end * factor for end in (self.low, self.high))
        return Amount(low, high, self.unit)


def read_amount(text: str, *, decimal_comma: bool, currencies: frozenset[str]) -> Amount | None:
    """Read a text as one amount; None when it is none, or more than one."""
    if len(text) > _LONGEST:
        return None
    if _PLAIN.fullmatch(text) and not (decimal_comma and "." in text):
        value = Decimal(text)
        return Amount(value, value)
    if not decimal_comma and _PLAIN_GROUPED.fullmatch(text):
        value = Decimal(text.replace(",", ""))
        return Amount(value, value)
    if (short := _SHORT.fullmatch(text)) and not decimal_comma:
        value = Decimal(short[2]) * _SCALES.get(short[3].lower(), 1)
        unit = _SIGNS.get(short[1], short[1].strip())
        if unit in currencies or not unit:
            return Amount(value, value, unit)
    bare, unit = _without_currency(_BRACKETS.sub("", text).strip(), currencies)
    hint = _BEFORE.match(bare)
    bare = bare[hint.end() :] if hint else bare
    read = _range(bare, decimal_comma) or _single(bare, decimal_comma)
    if read is None:
        return None
    low, high, word = read
    if hint and (hint["least"] or hint["most"]):
        low, high = (low, None) if hint["least"] else (None, high)
    return Amount(low, high, unit or word)


def _without_currency(text: str, currencies: frozenset[str]) -> tuple[str, str]:
    for found in _CURRENCY.finditer(text):
        code = _SIGNS.get(found[0]) or (found[0] if found[0] in currencies else "")
        if code:
            left, right = text[: found.start()], text[found.end() :]
            # A range may name its currency twice: «$1M - $5M».
            again = right.replace(found[0], "")
            return f"{left.strip()} {again.strip()}".strip().replace("- ", "-", 1), code
    return text, ""


_Read = tuple[Decimal | None, Decimal | None, str]


def _single(text: str, decimal_comma: bool) -> _Read | None:
    found = _SINGLE.fullmatch(text)
    number = _decimal(found["low"], decimal_comma) if found else None
    if found is None or number is None:
        return None
    rest = found["rest"].strip()
    is_least = rest.startswith("+") or rest.endswith("+")
    scale, unit = _tail(rest.strip("+ "))
    if unit is None:
        return None
    return number * scale, None if is_least else number * scale, unit


def _range(text: str, decimal_comma: bool) -> _Read | None:
    found = _RANGE.fullmatch(text)
    if found is None:
        return None
    low, high = (_decimal(found[end], decimal_comma) for end in ("low", "high"))
    scale, unit = _tail(found["rest"])
    if low is None or high is None or unit is None:
        return None
    own = _SCALES.get((found["low_word"] or "").casefold().rstrip("."))
    # «1-5M» is from one million; «500-1M» is from five hundred.
    low *= own or (scale if low < high else 1)
    high *= scale
    return (low, high, unit) if low <= high else None


def _tail(rest: str) -> tuple[int, str | None]:
    """Split what follows a number into its scale and its unit; None is a text, not a unit."""
    words = rest.casefold().replace(".", "").split()
    scale = _SCALES.get(words[0]) if words else None
    words = words[1:] if scale else words
    words = [word for word in words if word not in _COUNTED]
    if len(words) > 1 or any(any(c.isdigit() for c in word) for word in words):
        return 1, None
    return scale or 1, words[0] if words else ""


def _decimal(text: str, decimal_comma: bool) -> Decimal | None:
    body, exponent = (*re.split("[eE]", text.replace("−", "-")), "0")[:2]
    sign = -1 if body.startswith("-") else 1
    digits = _plain_digits(re.sub(r"[\s'’]+", " ", body.lstrip("+-")).strip(), decimal_comma)
    if digits is None or abs(int(exponent)) > _LARGEST_EXPONENT or len(digits) > _MOST_DIGITS:
        return None
    return sign * Decimal(digits).scaleb(int(exponent))


def _plain_digits(text: str, decimal_comma: bool) -> str | None:
    """Give digits with at most one point; None when the grouping fits no convention."""
    if text.count(",") and text.count("."):
        point = max(",.", key=text.rfind)
    else:
        point = _lone_point(text, decimal_comma)
    comma = "," if point == "." else "."
    whole, _, fraction = text.rpartition(point) if point in text else (text, "", "")
    if comma in whole:
        if not _GROUPED[comma].fullmatch(whole):
            return None
        whole = whole.replace(comma, "")
    if not _THOUSANDS.fullmatch(whole or "0") or (fraction and not fraction.isdigit()):
        return None
    return f"{whole.replace(' ', '') or '0'}.{fraction or '0'}"


def _lone_point(text: str, decimal_comma: bool) -> str:
    """Say which sign is the decimal point of a number with one kind of sign at most."""
    sign = "," if "," in text else "."
    other = "." if sign == "," else ","
    if text.count(sign) > 1:
        return other
    preferred = "," if decimal_comma else "."
    grouped = _GROUPED[sign].fullmatch(text) is not None
    return other if sign != preferred and grouped else sign


def written(value: Decimal) -> str:
    """Write a number in plain digits, without needless zeros."""
    text = format(value, "f")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in ("-0", "") else text


def amount_of_canonical(text: str) -> Amount:
    """Read the canonical form back: «1001..5000 km», «EUR 12.5»."""
    words = text.split(" ")
    number = next(word for word in words if word[-1].isdigit() or word.endswith(".."))
    low, dots, high = number.partition("..")
    unit = " ".join(word for word in words if word is not number)
    if not dots:
        return Amount(Decimal(low), Decimal(low), unit)
    return Amount(Decimal(low) if low else None, Decimal(high) if high else None, unit)
