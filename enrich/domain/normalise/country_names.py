"""Country names and codes to ISO 3166: exact after folding, never by likeness.

Fuzzy search is not used on purpose: «Republic of Korea» is nearest to North Korea, and «Niger» to
Nigeria.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

__all__ = ["CountryNames", "country_code", "country_names", "fold_place"]

#: Names in use that neither ISO nor CLDR list, Olympic codes and old names with one successor.
_ALIASES = {
    "AE": "uae|emirates",
    "BA": "bosnia",
    "BG": "bul",
    "BO": "bolivia",
    "CD": "drc|dr congo|congo kinshasa|zaire",
    "CG": "congo brazzaville|republic of congo",
    "CH": "sui|schweiz|suisse|svizzera",
    "CI": "ivory coast",
    "CL": "chi",
    "CN": "prc|mainland china|peoples republic of china",
    "CV": "cape verde",
    "CZ": "czech republic|czechia",
    "DE": "ger|brd",
    "DK": "den",
    "GB": "uk|u k|great britain|britain|england|scotland|wales|northern ireland|gbr",
    "GR": "gre|hellas",
    "HK": "hong kong",
    "HR": "cro",
    "IE": "republic of ireland|eire",
    "IR": "iran",
    "KP": "north korea|dprk",
    "KR": "south korea|korea republic of|republic of korea|korea south|s korea",
    "LA": "laos",
    "LV": "lat",
    "MD": "moldova",
    "MK": "macedonia|north macedonia|republic of macedonia",
    "MM": "burma|myanmar",
    "MO": "macau|macao",
    "NL": "holland|the netherlands|ned",
    "PH": "phi",
    "PS": "palestine",
    "PT": "por",
    "RS": "serbia",
    "RU": "russia|russian federation",
    "SI": "slo",
    "SY": "syria",
    "SZ": "swaziland|eswatini",
    "TL": "east timor",
    "TR": "turkey|turkiye",
    "TW": "taiwan|taiwan roc|tpe",
    "TZ": "tanzania",
    "US": "usa|u s|u s a|united states of america|america|the united states|us of a",
    "VA": "vatican|holy see",
    "VE": "venezuela",
    "VN": "vietnam|viet nam",
    "ZA": "rsa|south africa",
}
#: Where the names of CLDR are longer than people write them.
_SHORT = {
    "BA": "Bosnia and Herzegovina", "CD": "DR Congo", "CG": "Republic of the Congo",
    "HK": "Hong Kong", "MM": "Myanmar", "MO": "Macao", "PS": "Palestine", "TR": "Turkey",
    "AG": "Antigua and Barbuda", "TT": "Trinidad and Tobago", "KN": "Saint Kitts and Nevis",
    "LC": "Saint Lucia", "VC": "Saint Vincent and the Grenadines", "ST": "São Tomé and Príncipe",
}  # fmt: skip
_LOCALES = ("en", "de", "fr", "es", "it", "pt", "nl", "sv", "da", "pl", "ja", "zh", "ru")
_WRITTEN_OUT = {"st": "saint", "ft": "fort", "mt": "mount"}
_NOT_WORD = re.compile(r"[\W_]+")


def fold_place(text: str) -> str:
    """Fold a place's name for comparing: case, accents and punctuation go, «St.» is «saint»."""
    plain = text.lower() if text.isascii() else _plain(text)
    words = _NOT_WORD.sub(" ", plain.replace("'", "").replace("’", "")).split()
    return " ".join([_WRITTEN_OUT.get(word, word) for word in words])


def _plain(text: str) -> str:
    # Twice: «㎩» has capitals only once it is taken apart.
    decomposed = unicodedata.normalize("NFKD", text.casefold()).casefold()
    return "".join([c for c in decomposed if not unicodedata.combining(c)])


@dataclass(frozen=True, slots=True)
class CountryNames:
    """The index: folded names to two-letter codes, and codes to English short names."""

    codes: Mapping[str, str]
    names: Mapping[str, str]

    def code_of(self, text: str) -> str | None:
        """Give the country's two-letter code; None when the text names none, or more than one."""
        return self.codes.get(fold_place(text))


def country_code(text: str) -> str:
    """Give the two letters of the country that a text names; "" when it names none, or several."""
    return country_names().code_of(text) or ""


@cache
def country_names() -> CountryNames:
    """Give the index, built at first use."""
    import pycountry
    from babel import Locale

    english = Locale("en").territories
    iso = {country.alpha_2: country for country in pycountry.countries}
    names = {
        code: _SHORT.get(code) or str(english.get(code, one.name)) for code, one in iso.items()
    }
    claims: dict[str, set[str]] = {}
    for name, code in _claims(iso, [Locale(tag).territories for tag in _LOCALES]):
        claims.setdefault(fold_place(name), set()).add(code)
    codes = {name: min(found) for name, found in claims.items() if name and len(found) == 1}
    for code, aliases in _ALIASES.items():
        codes |= {fold_place(alias): code for alias in aliases.split("|")}
    codes |= {fold_place(name): code for code, name in names.items()}
    codes.pop("congo", None)  # two states
    return CountryNames(codes, names)


def _claims(
    iso: Mapping[str, object], territories: list[Mapping[str, str]]
) -> Iterator[tuple[str, str]]:
    for code, country in iso.items():
        for attribute in ("alpha_2", "alpha_3", "name", "official_name", "common_name"):
            if name := getattr(country, attribute, None):
                yield str(name), code
        for names in territories:
            if code in names:
                yield names[code], code
