"""Reading values as Wikipedia's company boxes write them; what cannot be read is None or empty.

Nothing is guessed: «Official website» is no address, and a range of employees is no number.
"""

import re

from enrich.domain.values import Json

__all__ = ["amount_of_money", "people", "tidy", "web_address", "whole_number", "year_of_founding"]

_YEAR = re.compile(r"(?<!\d)(1[4-9]\d\d|20[0-3]\d)(?!\d)")
_NUMBER = re.compile(r"(?<![\d.,])((?:\d{1,3}(?:[, ]\d{3})+|\d+)(?:\.\d+)?)(?![\d,])")
_SCALES = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_RANGE = re.compile(r"\d\s*[-–]\s*\d")
_CURRENCIES = (
    ("US$", "USD"), ("C$", "CAD"), ("A$", "AUD"), ("HK$", "HKD"), ("S$", "SGD"), ("€", "EUR"),
    ("£", "GBP"), ("JP¥", "JPY"), ("CN¥", "CNY"), ("¥", "JPY"), ("CHF", "CHF"), ("SEK", "SEK"),
    ("EUR", "EUR"), ("USD", "USD"), ("GBP", "GBP"), ("JPY", "JPY"), ("$", "USD"), ("₹", "INR"),
)  # fmt: skip
_HOST = re.compile(r"(?:https?://)?((?:[a-z0-9-]+\.)+[a-z]{2,24})(/\S*)?", re.IGNORECASE)
_ABOUT = re.compile(r"\[[^\]]*\]|\ufeff")


def tidy(raw: object) -> str:
    """Give text without footnotes, double spaces and spaces before commas."""
    text = " ".join(_ABOUT.sub(" ", str(raw or "")).split())
    return re.sub(r"\s+([,;:)])", r"\1", text).replace("( ", "(")


def year_of_founding(raw: object) -> tuple[int, bool] | None:
    """Give the first year named, and whether it is the only one.

    «1928 … as Motorola, 2011» names two: the older is the older firm's.
    """
    years = [int(year) for year in _YEAR.findall(str(raw or ""))]
    return (years[0], len(set(years)) == 1) if years else None


def whole_number(raw: object) -> int | None:
    """Give a count of people: the number before the first bracket, when there is just one."""
    text = str(raw or "").partition("(")[0]
    numbers = _NUMBER.findall(text)
    if len(numbers) != 1 or _RANGE.search(text):
        return None
    scaled = float(numbers[0].replace(",", "").replace(" ", "")) * _scale(text)
    return int(scaled) if scaled.is_integer() and scaled > 0 else None


def amount_of_money(raw: object) -> str:
    """Give «USD 2100000000» for «US$ 2.1 billion (2022)»; empty when currency or scale is open."""
    text = str(raw or "").partition("(")[0]
    currency = next((code for sign, code in _CURRENCIES if sign in text), "")
    numbers = _NUMBER.findall(text)
    if not currency or len(numbers) != 1 or _RANGE.search(text):
        return ""
    amount = round(float(numbers[0].replace(",", "").replace(" ", "")) * _scale(text))
    return f"{currency} {amount}" if amount >= 1_000_000 else ""


def web_address(raw: object) -> str:
    """Give an https address for a host, with its path; empty for what names no host."""
    text = re.sub(r"\s+/", "/", str(raw or "").strip())
    found = _HOST.match(text)
    return f"https://{found[1].lower()}{(found[2] or '').rstrip('/')}" if found else ""


def people(raw: object) -> Json:
    """Split «A B (CEO) C D (CFO)» into its people; a text of another shape stays whole."""
    text = tidy(raw)
    parts = re.split(r"(?<=\)),?;?\s+(?=[^\W\d_a-z])", text)
    listed: list[Json] = [part for part in parts if part]
    return listed


def _scale(text: str) -> int:
    words = text.casefold().replace("bn", "billion").replace("mn", "million")
    return next((factor for word, factor in _SCALES.items() if word in words), 1)
