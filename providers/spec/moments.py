"""When to come back, as a provider says it."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from math import isfinite

from enrich.domain.values import Json
from providers.exchange import NotJsonError, Reply, parse_json
from providers.spec.parts import Moment

__all__ = ["RETRY_AFTER", "moment_of"]

#: The header that every provider may send.
RETRY_AFTER = Moment(header="retry-after")


def moment_of(
    rules: Iterable[Moment], reply: Reply, document: Json, *, longest: timedelta
) -> datetime | None:
    """Give the first moment that a rule finds: not past, not further away than `longest`.

    What makes no sense is passed over: some providers send garbage.
    """
    for rule in rules:
        moment = _moment(rule, reply, document)
        if moment is not None:
            return min(max(moment, reply.at), reply.at + longest)
    return None


def _moment(rule: Moment, reply: Reply, document: Json) -> datetime | None:
    if rule.calendar is not None:
        return _next(rule.calendar, reply.at)
    said: Json = None
    if rule.header is not None:
        said = reply.headers.get(rule.header.lower())
        if rule.path is not None and isinstance(said, str):
            said = rule.path.of(_json_or_none(said))
    elif rule.body is not None:
        said = rule.body.of(document)
    if said is None or isinstance(said, bool | list | dict):
        return None
    try:
        return _FORMS[rule.form](str(said).strip()[:100], reply.at)
    except (ValueError, OverflowError, TypeError, OSError):
        return None


def _next(calendar: str, at: datetime) -> datetime:
    today = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if calendar == "day":
        return today + timedelta(days=1)
    return (today.replace(day=1) + timedelta(days=32)).replace(day=1)


def _json_or_none(text: str) -> Json:
    try:
        return parse_json(text.encode("utf-8", "replace"))
    except NotJsonError:
        return None


def _seconds(text: str, at: datetime) -> datetime:
    seconds = float(text)
    if not isfinite(seconds) or seconds < 0:
        raise ValueError("no time")
    return at + timedelta(seconds=min(seconds, 1e8))


def _retry_after(text: str, at: datetime) -> datetime:
    try:
        return _seconds(text, at)
    except ValueError:
        return _aware(parsedate_to_datetime(text))


def _epoch_s(text: str, _at: datetime) -> datetime:
    return datetime.fromtimestamp(float(text), UTC)


def _epoch_ms(text: str, _at: datetime) -> datetime:
    return datetime.fromtimestamp(float(text) / 1000, UTC)


def _iso(text: str, _at: datetime) -> datetime:
    return _aware(datetime.fromisoformat(text))


def _aware(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


_FORMS: Mapping[str, Callable[[str, datetime], datetime]] = {
    "retry_after": _retry_after,
    "seconds": _seconds,
    "milliseconds": lambda text, at: _seconds(str(float(text) / 1000), at),
    "epoch_s": _epoch_s,
    "epoch_ms": _epoch_ms,
    "iso": _iso,
}
