"""Cells and rows to JSON for PostgreSQL, and back; what it takes of texts and numbers.

One rule for text, wherever it comes from: what PostgreSQL cannot hold is taken out (the character
NUL and halves of surrogate pairs), and everything else is kept as it is. A number that is not
finite is refused, because nobody can have meant it.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import orjson

from enrich.domain.table import CellState, CellWrite, Provenance, Row, Stamp
from enrich.domain.values import JsonObject
from enrich.errors import BadInputError

__all__ = [
    "checked_name",
    "cleaned",
    "dumps",
    "dumps_each",
    "moment_of",
    "provenance_from_json",
    "provenance_to_json",
    "row_from_json",
    "text_of",
    "write_to_json",
    "writes_to_json",
]


def cleaned(text: str) -> str:
    """Take out of a text what PostgreSQL cannot hold."""
    return text.replace("\x00", "").encode("utf-8", "ignore").decode("utf-8")


def checked_name(kind: str, name: str) -> str:
    """Give the name of a tenant, table or column back. Raises `BadInputError` for a wrong one."""
    if not name.strip() or len(name) > 200 or not name.isprintable() or name != cleaned(name):
        raise BadInputError(kind, "its name must be 1 to 200 printable characters")
    return name


def dumps(value: object, *, name: str) -> str:
    """Encode for a `jsonb` parameter.

    Raises:
        BadInputError: `name` holds a number that is not finite, or is nested too deep, or is not
            JSON at all.
    """
    try:
        text = _encoded(value)
    except UnicodeEncodeError:
        return dumps(_cleaned(value), name=name)
    except (ValueError, TypeError, RecursionError) as exc:
        raise BadInputError(name, "a value cannot be stored as JSON", hint=_HINT) from exc
    return dumps(_cleaned(value), name=name) if _holds_nul(text, value) else text


def _encoded(value: object) -> str:
    try:
        # A number that is not finite becomes a null here: the other encoder tells which nulls are.
        if b"null" not in (raw := orjson.dumps(value, option=_PLAIN)):
            return raw.decode()
    except TypeError:
        pass  # no JSON, half of a surrogate pair, or a whole number beyond 64 bits
    text = _ENCODER.encode(value)
    text.encode()
    return text


def dumps_each(values: Sequence[object], names: Sequence[str]) -> str:
    """Encode a list at once; the error of a bad value has the name of its element."""
    try:
        return dumps(values, name="")
    except BadInputError:
        for value, name in zip(values, names, strict=True):
            dumps(value, name=name)
        raise


# Made once: `json.dumps` makes one per call, which costs more than encoding a cell.
_ENCODER = json.JSONEncoder(allow_nan=False, ensure_ascii=False, separators=(",", ":"))
# The quick one takes UUIDs and members of enumerations too, as their text.
_PLAIN = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME
_HINT = "numbers must be finite, keys text, and nesting not too deep"


def _holds_nul(text: str, value: object) -> bool:
    return "\\u0000" in text and _cleaned(value) != value


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return cleaned(value)
    if isinstance(value, Mapping):
        return {cleaned(str(key)): _cleaned(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_cleaned(item) for item in value]
    return value


def provenance_to_json(provenance: Provenance) -> JsonObject:
    """Encode a cell's provenance as it lies in `rows.cells`; what is empty is left out."""
    out: JsonObject = {
        # A member of the enumeration is its text; to ask for that takes longer than all the rest.
        "state": provenance.state,
        "provider": provenance.provider,
        "confidence": provenance.confidence,
        "observed_at": text_of(provenance.observed_at),
        "run": provenance.stamp.number,
        "fence": provenance.stamp.attempt,
        "support": provenance.support,
        "agreement": provenance.agreement,
    }
    if provenance.reason:
        out["reason"] = provenance.reason
    if provenance.retry_at:
        out["retry_at"] = text_of(provenance.retry_at)
    if provenance.flags:
        out["flags"] = [*provenance.flags]
    if provenance.fusion:
        out["fusion"] = provenance.fusion
    if provenance.trust:
        out["trust"] = provenance.trust
    return out


def provenance_from_json(raw: Mapping[Any, Any]) -> Provenance:
    """Decode what `provenance_to_json` made; names that a newer version added are passed over."""
    return Provenance(
        state=CellState(raw["state"]),
        stamp=Stamp(int(raw["run"]), int(raw["fence"])),
        provider=raw.get("provider", ""),
        confidence=float(raw.get("confidence", 0.0)),
        observed_at=moment_of(raw.get("observed_at")),
        support=int(raw.get("support", 0)),
        agreement=float(raw.get("agreement", 0.0)),
        reason=raw.get("reason", ""),
        retry_at=moment_of(raw.get("retry_at")),
        flags=tuple(raw.get("flags", ())),
        fusion=raw.get("fusion", ""),
        trust=int(raw.get("trust", 0)),
    )


def write_to_json(write: CellWrite) -> JsonObject:
    """Encode one element of what the SQL function `write_cells` takes.

    Raises:
        BadInputError: the cell is said to be filled, with nothing.
    """
    out: JsonObject = {
        "r": write.row,
        "c": write.column,
        "p": provenance_to_json(write.provenance),
    }
    if write.provenance.state is CellState.FILLED:
        if write.value is None:
            raise BadInputError(f"column {write.column}", "a filled cell needs a value")
        out["v"] = write.value
    return out


def writes_to_json(writes: Sequence[CellWrite]) -> str:
    """Encode cells to be written; the error of a bad value names its column."""
    encoded = [write_to_json(write) for write in writes]
    return dumps_each(encoded, [f"column {write.column}" for write in writes])


def row_from_json(raw: Mapping[Any, Any]) -> Row:
    """Decode a row of `rows`."""
    cells = {key: provenance_from_json(cell) for key, cell in raw["cells"].items()}
    return Row(id=raw["id"], key=raw["key"], data=raw["data"], cells=cells)


def text_of(moment: datetime | None) -> str | None:
    """Write a moment as JSON holds it; None when there is none."""
    if moment is None:
        return None
    # Equal moments of other zones are written otherwise.
    return _text_of(moment) if moment.tzinfo is UTC else moment.isoformat()


@lru_cache(maxsize=1024)
def _text_of(moment: datetime) -> str:
    # The cells of a row, and often those of many rows, were observed at one moment.
    return moment.isoformat()


def moment_of(raw: str | None) -> datetime | None:
    """Read a moment as PostgreSQL or Python write it, in UTC; None when there is none."""
    if not raw:
        return None
    moment = datetime.fromisoformat(raw)
    return moment if moment.tzinfo is UTC else moment.astimezone(UTC)
