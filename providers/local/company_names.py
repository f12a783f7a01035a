"""Company names made comparable, and what their legal form tells."""

import re
from dataclasses import dataclass
from typing import Any

from enrich.domain.normalise.companies import company_words
from providers.base import Once

__all__ = ["base_name", "initials", "legal_terms", "loose_key", "name_key", "name_tokens"]

_LOOSE = re.compile(
    r" (?:group|groupe|gruppe|holding|holdings|corporation|corp|company|companies|international"
    r"|inc|plc|co|ltd|ag|sa|se|nv|the|technologies|industries|enterprises|financial)$"
)


@dataclass(frozen=True, slots=True)
class LegalTerms:
    """The legal forms that the package knows, prepared once."""

    endings: Any


def _load() -> LegalTerms:
    from cleanco import prepare_default_terms

    return LegalTerms(prepare_default_terms())


legal_terms = Once(_load)


def base_name(name: str) -> str:
    """Give a company's name without its legal form, as written otherwise.

    A name that is nothing but a legal form («SE», «Coop») is given back whole.
    """
    from cleanco.clean import custom_basename

    text = " ".join(name.split())
    # Twice, because only one form goes at a time: «Co., Ltd.».
    for _ in range(2):
        text = custom_basename(text, legal_terms().endings) or text
    return text.rstrip(" ,;&-")


def name_key(name: str) -> str:
    """Give the form in which two spellings of one company's name are equal; "" if none is left."""
    return " ".join(company_words(name, keep_group=True)) if name.strip() else ""


def loose_key(key: str) -> str:
    """Drop «group», «holdings» and the like from the end of a key, as long as a word is left."""
    shorter = _LOOSE.sub("", key)
    while shorter != key:
        key, shorter = shorter, _LOOSE.sub("", shorter)
    return key.removesuffix(" and")


def name_tokens(name: str) -> frozenset[str]:
    """Give the words of a name that tell it from others."""
    return frozenset(loose_key(name_key(name)).split()) - {"and", "of", "the"}


def initials(name: str) -> str:
    """Give the first letters of a name's words in capitals: «AMD» for Advanced Micro Devices."""
    return "".join(word[0] for word in name_key(name).split()).upper()
