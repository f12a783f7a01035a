"""E-mail addresses, domains and addresses of the web."""

import re
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from enrich.domain.normalise.model import (
    DIFFERENT,
    Form,
    Likeness,
    Normalised,
    Relation,
    Unreadable,
    alike,
)

__all__ = ["compare_domains", "compare_urls", "host_of", "read_domain", "read_email", "read_url"]

_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_HOST = re.compile(r"(?!xn--)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,24}")
_PLAIN_EMAIL = re.compile(
    r"([A-Za-z0-9](?:[A-Za-z0-9_+-]|\.(?!\.)){0,62}(?<!\.))@((?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+"
    r"[A-Za-z]{2,24})"
)
_NAMED = re.compile(r".*<\s*([^<>\s]+)\s*>", re.DOTALL)
_TRACKING = re.compile(
    r"utm_\w+|gclid|fbclid|msclkid|mc_[ce]id|trk|trackingid|ref_src|igshid", re.I
)
_PLAIN_URL = re.compile(
    r"(https?://|)((?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,24})"
    r"((?:/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*)/?(?:\?([A-Za-z0-9_=&.-]*))?"
)
#: Sites on which the case of a path makes no difference, and country hosts show the same page.
_FOLDED_SITES = re.compile(
    r"(?:\w+\.)?(linkedin\.com|twitter\.com|x\.com|facebook\.com|github\.com)"
)
_ENGLISH = re.compile(r"/(?:mycompany|about|posts|people|jobs|life|home)$")


@cache
def _suffixes() -> Any:
    from publicsuffixlist import PublicSuffixList

    return PublicSuffixList()


def host_of(address: str) -> str:
    """Give the host of a web address or bare host name, lower case and in ASCII; "" if none."""
    text = "".join(address.split())
    try:
        host = urlsplit(text if "//" in text else f"//{text}").hostname or ""
        host = host.rstrip(".").encode("idna").decode("ascii")
    except ValueError:
        return ""
    labels = host.split(".")
    is_name = len(labels) > 1 and not labels[-1].isdigit()
    return host if is_name and all(_LABEL.fullmatch(label) for label in labels) else ""


def read_domain(text: str) -> Form | Unreadable:
    """Read the registrable domain of a host, a web address or an e-mail address.

    A name given out below a shared one counts as its own: «acme.github.io».
    """
    host = text if _HOST.fullmatch(text) else host_of(text.rpartition("@")[2])
    if not host:
        return Unreadable("names no host of the internet")
    domain = _suffixes().privatesuffix(host)
    if not domain:
        return Unreadable("is no domain that somebody can own")
    return Form(domain, domain)


def compare_domains(_first: Normalised, _second: Normalised) -> Likeness:
    """Tell two domains apart: likeness of spelling is what forgers use."""
    return DIFFERENT


def read_email(text: str) -> Form | Unreadable:
    """Read an e-mail address, with or without a name before it; its case makes no difference."""
    if (plain := _PLAIN_EMAIL.fullmatch(text)) is not None:
        return Form(text.lower(), f"{plain[1]}@{plain[2].lower()}")
    named = _NAMED.fullmatch(text)
    bare = (named[1] if named else text).removeprefix("mailto:").removeprefix("MAILTO:")
    from email_validator import EmailNotValidError, validate_email

    try:
        valid = validate_email(bare, check_deliverability=False, globally_deliverable=False)
    except EmailNotValidError:
        return Unreadable("is no e-mail address")
    if "." not in valid.domain:
        return Unreadable("is no e-mail address")
    # Only the receiving server knows whether the case of the first part matters: it is kept.
    ascii_domain = (valid.ascii_domain or valid.domain).lower()
    return Form(f"{valid.local_part.casefold()}@{ascii_domain}", valid.normalized)


def read_url(text: str) -> Form | Unreadable:
    """Read an address of the web: without tracking, the same with and without «www.» and «s»."""
    plain = _PLAIN_URL.fullmatch(text)
    if plain is None:
        return _read_any(text)
    scheme, host, path, query = plain.groups(default="")
    asked = _asked(query) if query else ""
    return Form(_canonical(host, path, asked), f"{scheme or 'https://'}{host}{path}{asked}")


def _read_any(text: str) -> Form | Unreadable:
    from url_normalize import url_normalize

    scheme = re.match(r"\s*([a-z][a-z0-9+.-]*):(?!\d)", text, re.I)
    if (scheme and scheme[1].lower() not in ("http", "https")) or " " in text:
        return Unreadable("is no address of the web")
    try:
        parts = urlsplit(url_normalize(text) or "")
        host, port = host_of(parts.hostname or ""), parts.port
    except ValueError:
        return Unreadable("is no address of the web")
    if not host:
        return Unreadable("is no address of the web")
    # Without a scheme «:80» has nothing to be usual for.
    host = f"{host}:{port}" if port not in (None, 80, 443) else host
    path = parts.path.rstrip("/")
    asked = _asked(parts.query)
    return Form(_canonical(host, path, asked), f"{parts.scheme}://{host}{path}{asked}")


def _asked(query: str) -> str:
    """Give the query without what only tracks the visitor, in an order of its own."""
    pairs = parse_qsl(query, keep_blank_values=True)
    kept = urlencode(sorted(pair for pair in pairs if not _TRACKING.fullmatch(pair[0])))
    return f"?{kept}" if kept else ""


def _canonical(host: str, path: str, query: str) -> str:
    site = _FOLDED_SITES.fullmatch(host)
    if site:
        return site[1] + _ENGLISH.sub("", path.lower().rstrip("/"))
    return host.removeprefix("www.") + path + query


def compare_urls(first: Normalised, second: Normalised) -> Likeness:
    """Compare addresses: a page is within its site; other pages of one site are half alike."""
    one, other = first.canonical, second.canonical
    if one.startswith((f"{other}/", f"{other}?")):
        return Likeness(Relation.FIRST_WITHIN_SECOND, 0.7)
    if other.startswith((f"{one}/", f"{one}?")):
        return Likeness(Relation.SECOND_WITHIN_FIRST, 0.7)
    same_site = one.partition("/")[0] == other.partition("/")[0]
    return alike(0.5 if same_site else 0.0, near=0.9)
