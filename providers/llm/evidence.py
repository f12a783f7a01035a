"""How sure a model's value is: by what it quotes, never by what it says of itself. Pure."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

from enrich.domain.framing import source_text
from enrich.domain.values import Json

__all__ = ["DERIVED", "STATED", "UNSUPPORTED", "Support", "support_of"]

#: The quote is in the source and holds the value itself.
STATED = 0.8
#: The quote is in the source, and the value follows from it as far as the model can tell.
DERIVED = 0.6
#: There is no quote, or it is not in the source. A setting may lower it.
UNSUPPORTED = 0.3

#: A shorter quote is in any text.
_QUOTE_CHARS_MIN = 3
_SPACES = re.compile(r"\s+")
_MARKS = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "–": "-", "—": "-"})
_IN_NUMBER = re.compile(r"(?<=\d)[,'\u202f ](?=\d{3}\b)")


@dataclass(frozen=True, slots=True)
class Support:
    """How sure a value is, and why, in words that quote nothing."""

    confidence: float
    note: str


def support_of(
    value: Json, quote: str, sources: Mapping[str, Json], *, unsupported: float = UNSUPPORTED
) -> Support:
    """Look a quote up in the sources, by name, as they were sent."""
    said = _folded(quote)
    if not said:
        return Support(unsupported, "the model quotes nothing")
    for name, source in sorted(sources.items()):
        text = _folded(source_text(source))
        if said in text and (len(said) >= _QUOTE_CHARS_MIN or said == text):
            if _is_in(value, said):
                return Support(STATED, f"stated in {name}")
            return Support(DERIVED, f"derived from {name}")
    return Support(unsupported, "what the model quotes is not in the source")


def _is_in(value: Json, quote: str) -> bool:
    match value:
        case bool() | None | dict():
            return False
        case list():
            return bool(value) and all(_is_in(item, quote) for item in value)
        case str():
            return bool(_folded(value)) and _folded(value) in quote
        case _:
            number = re.escape(f"{value:g}" if isinstance(value, float) else str(value))
            return bool(re.search(rf"(?<![\d.]){number}(?![\d]|\.\d)", _IN_NUMBER.sub("", quote)))


def _folded(text: str) -> str:
    plain = unicodedata.normalize("NFKC", text).translate(_MARKS)
    return _SPACES.sub(" ", plain).strip().casefold()
