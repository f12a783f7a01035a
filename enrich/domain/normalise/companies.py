"""Names of companies: equal when they differ in legal form, «Group», articles and signs only."""

import re
from functools import cache, lru_cache

from enrich.domain.normalise.country_names import country_names
from enrich.domain.normalise.model import Form, Likeness, Normalised, alike
from enrich.domain.normalise.text import fold, tidy

__all__ = ["company_words", "compare_companies", "read_company"]

#: What the package of legal forms lacks: forms written out, and forms in full local spelling.
_MORE_FORMS = (
    "aktiengesellschaft|kommanditgesellschaft auf aktien|societe anonyme|societa per azioni"
    "|sociedad anonima|naamloze vennootschap|public limited company|kabushiki gaisha"
    "|kabushiki kaisha|osakeyhtio|aktiebolag|aktieselskab|publ|pjsc|ojsc|cjsc|jsc|kgaa|berhad"
    "|spolka akcyjna|sab de cv|sa de cv|s de rl de cv|plc|k k"
)
#: Abbreviations that the package calls legal forms, and that are more often a country's.
_NOT_FORMS = frozenset({("uk",), ("eu",), ("nl",), ("ok",), ("at",), ("et",)})
_LOOSE = frozenset({
    "group", "groupe", "gruppe", "grupo", "gruppo", "holding", "holdings", "corporation", "corp",
    "company", "companies", "inc", "plc", "co", "the", "and"
})  # fmt: skip
_ARTICLES = frozenset({"the", "and"})
_BEFORE = frozenset({
    "ab", "ooo", "oao", "pao", "pt", "zao", "pjsc", "ojsc", "cjsc", "jsc", "uab", "the", "groupe",
    "grupo", "gruppo"
})  # fmt: skip
_BRACKETS = re.compile(r"\s*[(\[{]([^)\]}]*)[)\]}]?")
_INITIAL = re.compile(r"(?<![^\W_][^\W_])(?<=[^\W_])\.")
_ASIAN_FORMS = re.compile("株式会社|有限会社|合同会社|股份有限公司|有限公司|주식회사")
_SMALL = frozenset({"of", "de", "da", "do", "di", "del", "du", "des", "la", "le", "and", "y", "e"})
_NEAR = 0.93


@cache
def _forms() -> tuple[frozenset[tuple[str, ...]], frozenset[str], int]:
    """Give the legal forms as folded words, the words they end with, and the most words of one."""
    from cleanco.termdata import terms_by_country, terms_by_type

    listed = [
        term
        for terms in (terms_by_type, terms_by_country)
        for some in terms.values()
        for term in some
    ]
    spelled = [*listed, *(term.replace(".", "") for term in listed), *_MORE_FORMS.split("|")]
    forms = {tuple(fold(term).split()) for term in spelled} - _NOT_FORMS - {()}
    return frozenset(forms), frozenset(form[-1] for form in forms), max(map(len, forms))


@lru_cache(maxsize=4_096)
def company_words(name: str, *, keep_group: bool = False) -> tuple[str, ...]:
    """Give the folded words of a name that tell it from other companies', at least one.

    Legal forms go, as long as a word is left: «Coop» and «SE» may be all that a name is. «Group»,
    «Holdings» and the like go too, unless `keep_group` is set.
    """
    bare = _BRACKETS.sub(_kept, name) if "(" in name or "[" in name or "{" in name else name
    bare = bare if bare.strip() else name
    if not bare.isascii():
        bare = _ASIAN_FORMS.sub(" ", bare) if _ASIAN_FORMS.sub("", bare).strip() else bare
    if "." in bare:
        bare = _INITIAL.sub("", bare)
    words = fold(bare.replace("&", " and ").replace("+", " and ")).split() or [tidy(name)]
    loose = _ARTICLES if keep_group else _LOOSE
    return tuple(_without_start(_without_end(words, loose)))


def _kept(found: re.Match[str]) -> str:
    """Keep a country in brackets: it is how a company and its daughter abroad differ."""
    inner = found[1].strip()
    return f" {inner}" if len(inner) > 2 and country_names().code_of(inner) else " "


def _without_end(words: list[str], loose: frozenset[str]) -> list[str]:
    forms, last_words, longest = _forms()
    while len(words) > 1:
        if words[-1] in loose:
            words = words[:-1]
            continue
        if words[-1] not in last_words:
            break
        most = min(longest, len(words) - 1)
        length = next((n for n in range(most, 0, -1) if tuple(words[-n:]) in forms), 0)
        if not length:
            break
        words = words[:-length]
    return words


def _without_start(words: list[str]) -> list[str]:
    while len(words) > 1 and words[0] in _BEFORE and len(words[1]) > 2:
        words = words[1:]
    return words


def read_company(text: str) -> Form:
    """Read a company's name; where its words are parted makes no difference."""
    return Form("".join(company_words(text)), tidy(text))


def compare_companies(first: Normalised, second: Normalised) -> Likeness:
    """Compare names by their telling words, whatever their order."""
    from rapidfuzz import fuzz

    one, other = (_telling(str(n.display)) for n in (first, second))
    return alike(fuzz.token_sort_ratio(one, other) / 100, near=_NEAR)


def _telling(name: str) -> str:
    words = company_words(name)
    return " ".join([word for word in words if word not in _SMALL] or words)
