"""Candidates as rows: which column a key of a profile is, and what a row reads like."""

from collections.abc import Mapping, Sequence

from enrich.domain.fields import FIELDS, field_of_header
from enrich.domain.table import Column
from enrich.domain.values import Json, JsonObject, is_blank
from enrich.errors import BadInputError

__all__ = ["CANDIDATES", "WANTED", "columns_of_profile", "profile_text", "row_of_profile"]

#: The table that profiles lie in.
CANDIDATES = "candidates"
#: What is found out about a candidate unless the table says otherwise: what a recruiter reads, and
#: what is asked with.
WANTED = (
    "full_name", "first_name", "last_name", "job_title", "linkedin_url",
    "email_domain", "email_is_valid", "email_is_free", "email_is_disposable",
    "phone_e164", "phone_country", "phone_is_valid",
    "company_name", "website", "domain", "industry",
    "city", "region", "country", "country_code", "time_zone",
)  # fmt: skip

_MOST_KEYS = 200
_LONGEST_KEY = 200
_LONGEST_TEXT = 8_000


def row_of_profile(payload: Mapping[str, Json]) -> JsonObject:
    """Give a profile by column: a key that means a field is that field's column.

    Of two keys of one field the first is it, and the other keeps its own name.

    Raises:
        BadInputError: a key cannot be a column, or there are too many.
    """
    if len(payload) > _MOST_KEYS:
        raise BadInputError("payload", f"has {len(payload)} keys; at most {_MOST_KEYS} are taken")
    row: JsonObject = {}
    for key, value in payload.items():
        column = _column_of(key)
        row[key if column in row else column] = value
    return row


def _column_of(key: str) -> str:
    if not key.strip() or len(key) > _LONGEST_KEY or not key.isprintable():
        problem = f"has a key that is not 1 to {_LONGEST_KEY} printable characters"
        raise BadInputError("payload", problem)
    return key if key in FIELDS else field_of_header(key) or key


def columns_of_profile(row: Mapping[str, Json], known: Sequence[Column]) -> tuple[Column, ...]:
    """Give the columns that a table of candidates lacks for a row; all wanted ones at first."""
    have = {column.key for column in known}
    wanted = () if known else WANTED
    new = [key for key in dict.fromkeys((*row, *wanted)) if key not in have]
    return tuple(
        Column(key=key, field=key, enriched=key in WANTED, position=place)
        for place, key in enumerate(new, start=len(have))
    )


def profile_text(data: Mapping[str, Json], columns: Sequence[Column]) -> str:
    """Give what a row says in words, in the order of its columns; empty when it says nothing."""
    values = (data.get(column.key) for column in columns)
    return ". ".join(text for value in values if (text := _words(value)))[:_LONGEST_TEXT]


def _words(value: Json) -> str:
    match value:
        case bool():
            return ""
        case list():
            return ", ".join(filter(None, map(_words, value)))
        case dict():
            return ", ".join(filter(None, map(_words, value.values())))
        case _:
            return "" if is_blank(value) else str(value).strip()
