"""Listed companies by ticker, ISIN, web domain and name."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from providers.local.company_names import initials, loose_key, name_key, name_tokens
from providers.local.company_values import web_address
from providers.local.hosts import registrable

__all__ = ["CompanyIndex", "Match", "build_index", "ticker_key"]

Raw = Mapping[str, Any]

#: How sure a company is the one meant, by what it was found with.
_BY_ISIN, _BY_TICKER, _BY_DOMAIN, _BY_NAME, _BY_LOOSE_NAME = 1.0, 0.97, 0.97, 0.97, 0.85
_BY_MAIL = 0.85
#: What was found shares no word with the row's name: renamed, or a ticker of another exchange.
_AGAINST_NAME = 0.5
_TWO_WAYS = 0.99
_US_EXCHANGES = frozenset({"NYSE", "NASDAQ", "NYSEARCA", "NYSEAMERICAN"})


@dataclass(frozen=True, slots=True)
class Match:
    """The company's position in the list, and how sure it is the one meant."""

    company: int
    certainty: float


@dataclass(frozen=True, slots=True)
class CompanyIndex:
    """Keys to positions; a key that two companies share is in none of the maps."""

    isins: Mapping[str, int]
    tickers: Mapping[str, int]
    domains: Mapping[str, int]
    names: Mapping[str, int]
    loose_names: Mapping[str, int]
    tokens: tuple[frozenset[str], ...]

    def find(self, inputs: Mapping[str, str]) -> Match | None:
        """Find the company that everything the row says agrees on; None when it contradicts."""
        found = list(self._matches(inputs))
        if not found or len({match.company for match in found}) > 1:
            return None
        best = max(match.certainty for match in found)
        certainty = max(best, _TWO_WAYS) if len(found) > 1 else best
        if len(found) == 1 and not self._could_be_named(found[0].company, inputs):
            certainty = min(certainty, _AGAINST_NAME)
        return Match(found[0].company, certainty)

    def _could_be_named(self, company: int, inputs: Mapping[str, str]) -> bool:
        name = inputs.get("company_name", "")
        tokens = self.tokens[company]
        short = initials(name)
        return (
            not name
            or bool(name_tokens(name) & tokens)
            or short == ticker_key(inputs.get("ticker", ""))
            or short.casefold() in tokens
        )

    def _matches(self, inputs: Mapping[str, str]) -> Iterator[Match]:
        name = name_key(inputs.get("company_name", ""))
        domain = registrable(inputs.get("website", "")) or registrable(inputs.get("domain", ""))
        asked = (
            (self.isins, inputs.get("isin", "").upper(), _BY_ISIN),
            (self.tickers, ticker_key(inputs.get("ticker", "")), _BY_TICKER),
            (self.domains, domain, _BY_DOMAIN),
            (self.names, name, _BY_NAME),
            (self.domains, inputs.get("email_domain", "").casefold(), _BY_MAIL),
        )
        for index, key, certainty in asked:
            if key in index:
                yield Match(index[key], certainty)
        if name not in self.names and loose_key(name) in self.loose_names:
            yield Match(self.loose_names[loose_key(name)], _BY_LOOSE_NAME)


def ticker_key(ticker: str) -> str:
    """Fold a ticker: «brk-b», «BRK/B» and «BRK.B» are one; «NYSE: MMM» is «MMM»."""
    text = "".join(ticker.split()).upper().replace("-", ".").replace("/", ".")
    exchange, colon, symbol = text.rpartition(":")
    return symbol if colon and exchange in _US_EXCHANGES else text


def build_index(companies: Iterable[Raw]) -> CompanyIndex:
    """Index companies; the caller's order is their position."""
    listed = tuple(companies)
    names = [tuple(filter(None, {name_key(name) for name in _names(one)})) for one in listed]
    return CompanyIndex(
        isins=_unique((isin, i) for i, one in enumerate(listed) for isin in one.get("isins") or ()),
        tickers=_unique((key, i) for i, one in enumerate(listed) for key in _tickers(one)),
        domains=_unique((registrable(_website(one)), i) for i, one in enumerate(listed)),
        names=_unique((key, i) for i, keys in enumerate(names) for key in keys),
        loose_names=_unique((loose_key(key), i) for i, keys in enumerate(names) for key in keys),
        tokens=tuple(
            frozenset().union(*(name_tokens(name) for name in _names(one))) for one in listed
        ),
    )


def _names(one: Raw) -> Iterator[str]:
    yield one["name"]
    article = unquote((one.get("metadata") or {}).get("wikipedia_url", "").rpartition("/")[2])
    if article:
        yield article.replace("_", " ")


def _website(one: Raw) -> str:
    return web_address((one.get("metadata") or {}).get("website"))


def _tickers(one: Raw) -> Iterator[str]:
    if one.get("symbol"):
        yield ticker_key(one["symbol"])
    for symbol in one.get("symbols") or ():
        yield from (ticker_key(symbol[where]) for where in ("yahoo", "google") if symbol.get(where))


def _unique(pairs: Iterable[tuple[str, int]]) -> dict[str, int]:
    found: dict[str, set[int]] = {}
    for key, position in pairs:
        if key:
            found.setdefault(key, set()).add(position)
    return {key: min(positions) for key, positions in found.items() if len(positions) == 1}
