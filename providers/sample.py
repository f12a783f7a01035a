"""A table to try things on: real listed companies as people write them down.

Nothing of it is stored; it is drawn from the company facts when asked for, the same each time.
Names, addresses and places are made messy; some cells are left out.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from enrich.domain.normalise.country_names import CountryNames, country_names
from providers.local import company_values as read
from providers.local.gazetteer import gazetteer
from providers.local.hosts import registrable
from providers.local.whereabouts import locate

__all__ = ["COLUMNS", "KEY", "sample_phone", "sample_rows"]

#: The headers of the sample, the first of them its key.
COLUMNS = ("id", "company", "email", "phone", "hq")
KEY = "id"
_ROWS = 240
_SPELLINGS: tuple[Callable[[str, str], str], ...] = (
    lambda name, _: name,
    lambda name, _: name.upper(),
    lambda name, _: name.lower(),
    lambda name, _: f"  {name}  ",
    lambda name, ticker: f"{name}, Inc." if "." not in name + (ticker or ".") else name,
    lambda name, ticker: f"{name} ({ticker})" if ticker else name,
    lambda name, _: f"The {name}" if not name.startswith("The ") else name,
    lambda name, _: name.replace(" & ", " and "),
    lambda name, _: "  ".join(name.split()),
)


def sample_rows(count: int = _ROWS, *, seed: int = 1) -> Iterator[dict[str, str]]:
    """Yield `count` rows, each with all of `COLUMNS`; what is left out is an empty text.

    At most as many as there are companies with a web site and a place (some 1,400).
    """
    from pytickersymbols import PyTickerSymbols

    companies = [one for one in PyTickerSymbols().get_all_stocks() if _is_rich(one)]
    companies.sort(key=lambda one: _draw(seed, one["name"], "order"))
    for number, one in enumerate(companies[:count], start=1):
        yield _row(number, one, seed)


def sample_phone(country_code: str) -> str:
    """Give the example number that the numbering plan of a country shows; "" if it has none.

    It is a sample number: well formed, and nobody's on purpose.
    """
    from phonenumbers import PhoneNumberFormat, example_number, format_number

    number = example_number(country_code) if country_code else None
    return format_number(number, PhoneNumberFormat.INTERNATIONAL) if number else ""


def _is_rich(one: Mapping[str, Any]) -> bool:
    box = one.get("metadata") or {}
    return bool(read.web_address(box.get("website")) and box.get("headquarters"))


def _row(number: int, one: Mapping[str, Any], seed: int) -> dict[str, str]:
    name, box = one["name"], one["metadata"]
    spell = _SPELLINGS[int(_draw(seed, name, "spelling") * len(_SPELLINGS))]
    domain = registrable(read.web_address(box["website"]))
    mail = f"info@{domain}" if domain else ""
    place = read.tidy(box["headquarters"])
    cells = {
        "email": mail.upper() if _draw(seed, name, "case") < 0.2 else mail,
        "phone": _phone(place, country_names(), national=_draw(seed, name, "dialled") < 0.3),
        "hq": place.replace(", ", " , ") if _draw(seed, name, "spaces") < 0.3 else place,
    }
    kept = {key: value if _draw(seed, name, key) > 0.12 else "" for key, value in cells.items()}
    return {"id": f"row_{number:04d}", "company": spell(name, one.get("symbol") or ""), **kept}


def _phone(place: str, countries: CountryNames, *, national: bool) -> str:
    found = locate(place, places=gazetteer(), countries=countries)
    number = sample_phone(found.country) if found else ""
    return number.replace("+", "00", 1).replace(" ", "-") if national else number


def _draw(seed: int, *parts: str) -> float:
    raw = hashlib.sha256("\x1f".join((str(seed), *parts)).encode()).digest()
    return int.from_bytes(raw[:7]) / 2.0**56
