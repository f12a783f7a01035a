"""Names of people, and lists of names."""

import re

from enrich.domain.normalise.model import DIFFERENT, Form, Likeness, Normalised, Relation, alike
from enrich.domain.normalise.text import fold, tidy

__all__ = ["compare_people", "person_words", "read_name", "read_person", "split_names"]

#: Titles and suffixes that say nothing about who it is; «Jr.» does, so it stays.
_EXTRAS = frozenset({
    "mr", "mrs", "ms", "miss", "mx", "dr", "prof", "professor", "sir", "dame", "lord", "lady",
    "herr", "frau", "hon", "rev", "phd", "md", "mba", "cpa", "esq", "cfa", "dds", "dvm", "jd",
    "llb", "llm", "bsc", "msc", "ba", "ma", "obe", "cbe", "mbe", "dipl", "ing", "mag"
})  # fmt: skip
_COMMA = re.compile(r"[,;]")
_NICKNAME = re.compile(r"\s*(?:[(\"“«][^)\"”»]*[)\"”»])\s*")
_INITIALS = re.compile(r"(?<=\b\w)\.(?=\w)")
_DEGREE = re.compile(r"\bPh\.\s?D\b", re.IGNORECASE)
_SUFFIXES = frozenset(["jr", "sr", "ii", "iii", "iv", "v"])
_SEPARATORS = re.compile(r"\s*(?:;|\||\n|•|\band\b|&|\bund\b|\bet\b|\by\b)\s*", re.IGNORECASE)


def read_name(text: str) -> Form:
    """Read one part of a person's name."""
    return Form(fold(text), tidy(text))


def person_words(text: str) -> list[str]:
    """Give the folded words of a name: given names first, without titles and nicknames."""
    bare = _NICKNAME.sub(" ", text) if any(c in text for c in '("“«') else text
    bare = _DEGREE.sub("phd", bare) if "." in bare else bare
    parts = [part for part in (_words(part) for part in bare.split(",")) if part]
    if len(parts) > 1 and parts[1][0] not in _SUFFIXES:
        # «Doe, Jane, Jr.»
        parts = [parts[1], parts[0], *parts[2:]]
    return [word for part in parts for word in part] or fold(text).split()


def _words(part: str) -> list[str]:
    words = fold(_INITIALS.sub(" ", part) if "." in part else part).split()
    kept = [word for word in words if word not in _EXTRAS]
    # «Ma» and «Ing» are surnames too: of a part with no other word they stay.
    return kept if kept or len(words) != 1 else ([] if words[0] in _TITLES else words)


_TITLES = _EXTRAS - {"ma", "ba", "ing", "mag", "lord", "sir"}


def read_person(text: str) -> Form:
    """Read a whole name, in either order of «Jane Doe» and «Doe, Jane»."""
    return Form(" ".join(person_words(text)) or fold(text), tidy(text))


def compare_people(first: Normalised, second: Normalised) -> Likeness:
    """Compare names: initials stand for names, and a middle name may be left out."""
    one, other = first.canonical.split(), second.canonical.split()
    if len(one) < 2 or len(other) < 2 or one[-1] != other[-1]:
        return _by_likeness(first.canonical, second.canonical)
    if not _agrees(one[0], other[0]):
        return DIFFERENT
    middles = zip(one[1:-1], other[1:-1], strict=False)
    if not all(_agrees(a, b) for a, b in middles):
        return DIFFERENT
    return Likeness(Relation.NEAR, 0.95 if one[0] == other[0] else 0.9)


def _agrees(one: str, other: str) -> bool:
    return one == other or (min(len(one), len(other)) == 1 and one[0] == other[0])


def _by_likeness(one: str, other: str) -> Likeness:
    from rapidfuzz import fuzz

    return alike(fuzz.token_sort_ratio(one, other) / 100, near=0.92)


def split_names(text: str) -> list[str]:
    """Split a text into the names it lists: by «;», «|», «and», and commas between whole names."""
    parts = [part for part in _SEPARATORS.split(text) if part.strip(" ,")]
    if len(parts) > 1 and all("," in part for part in parts):
        return [part.strip(" ,") for part in parts]
    return [piece.strip() for part in parts for piece in _by_commas(part) if piece.strip()]


def _by_commas(part: str) -> list[str]:
    pieces = [piece.strip() for piece in _COMMA.split(part) if piece.strip()]
    # «Doe, Jane» is one name; «Jane Doe, John Roe» are two.
    if len(pieces) == 2 and " " not in pieces[0]:
        return [part]
    return pieces
