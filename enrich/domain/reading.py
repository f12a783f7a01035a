"""What else is known when the values of a cell are read: from its row, and from one another."""

from collections.abc import Iterable, Sequence
from functools import lru_cache

from enrich.domain.fields import FIELDS, FieldType
from enrich.domain.normalise import ANYWHERE, Context, Normaliser, country_code, normaliser_of_field
from enrich.domain.outcome import Found
from enrich.domain.run import Response
from enrich.domain.table import Column, Row
from enrich.domain.values import Json

__all__ = ["context_of", "is_read_alone", "reader_of"]

_IN_CONTEXT = frozenset({FieldType.PHONE, FieldType.DATE, FieldType.MONEY})


def context_of(
    field: str, said: Iterable[Response], row: Row | None = None, columns: Sequence[Column] = ()
) -> Context:
    """Give what is known when what was `said` about a field of a row is read.

    Telephone numbers follow the rules of the row's country, a date without a year is of the year in
    which it was given, and a bare amount is in the one currency that others name, if it is one.
    """
    kind = _kind(field)
    if kind is FieldType.PHONE and row:
        return Context(region=_region(row, tuple(columns)))
    if kind is FieldType.DATE:
        return Context(year=max((r.observed_at.year for r in said), default=None))
    if kind is FieldType.MONEY:
        return _in_currency(field, said)
    return ANYWHERE


def is_read_alone(field: str) -> bool:
    """Say whether nothing else helps to read a field's values."""
    return _kind(field) is None


@lru_cache(maxsize=1024)
def _kind(field: str) -> FieldType | None:
    """Give the kind of a field whose values are read by what else is known."""
    known = FIELDS.get(field)
    return known.type if known and known.type in _IN_CONTEXT else None


def _region(row: Row, columns: tuple[Column, ...]) -> str:
    known = row.known_fields(columns)
    named = (str(known[name]) for name in ("country_code", "country") if name in known)
    return next((code for name in named if (code := country_code(name))), "")


def _in_currency(field: str, said: Iterable[Response]) -> Context:
    read = reader_of(field).normalise
    forms = (read(value).canonical for value in _values(field, said))
    named = {form[:3] for form in forms if form[:3].isalpha() and form[3:4] == " "}
    return Context(currency=named.pop()) if len(named) == 1 else ANYWHERE


def _values(field: str, said: Iterable[Response]) -> Iterable[Json]:
    for response in said:
        if isinstance(response.outcome, Found) and field in response.outcome.observations:
            yield response.outcome.observations[field].value


def reader_of(field: str, context: Context = ANYWHERE) -> Normaliser:
    """Give the normaliser of a field, the same one each time."""
    # A context takes longer to look up than a name.
    return _plain(field) if context is ANYWHERE else normaliser_of_field(field, context)


@lru_cache(maxsize=1024)
def _plain(field: str) -> Normaliser:
    return normaliser_of_field(field)
