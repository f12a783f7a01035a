"""Bodies of requests: strict, so that "false" is no boolean and an unknown field is an error."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from enrich.domain.profile import CANDIDATES

__all__ = [
    "BreakerWish",
    "CellLabelWish",
    "CellWish",
    "LabelWish",
    "Name",
    "ProfileWish",
    "PurgeWish",
    "RowWish",
    "RowsWish",
    "RunWish",
    "SearchWish",
    "WebhookWish",
    "WhereWish",
]


def _whole(number: object) -> object:
    # JSON has one kind of number: 55.0 is as whole as 55.
    return int(number) if isinstance(number, float) and number.is_integer() else number


#: Told to callers; what breaks it is refused with a sentence where bodies and names are read. What
#: is blank here and not in ECMA's expressions is named: \x1c to \x1f, and \x85.
_NAME = {"pattern": r"^[^\x00]*[^\s\x00\x1c-\x1f\x85][^\x00]*$"}
_KEY = {"pattern": "^[!-~]*$", "minLength": 8, "maxLength": 128}
_PAYLOAD = {
    "minProperties": 1,
    "maxProperties": 200,
    "propertyNames": {"minLength": 1, "maxLength": 200},
}

Name = Annotated[str, Field(min_length=1, max_length=512, json_schema_extra=_NAME)]
Names = Annotated[list[Name], Field(min_length=1, max_length=1_000)]
Force = bool | Literal["none", "cells", "negatives", "responses"]
State = Literal["empty", "filled", "not_found", "pending", "failed", "skipped"]
Credits = Annotated[float, Field(ge=0, le=1e9)]
#: Longer wishes are cut to what the settings allow.
Wait = Annotated[float, Field(ge=0, le=1e12)]

_CELL_NAMED = {"table_id": "companies", "row_id": "row_123", "column_key": "industry"}
_CELL = {**_CELL_NAMED, "wait_s": 10}
_ROW = {"table_id": "companies", "row_id": "row_123", "columns": ["industry", "city"]}
_ROWS = {"table_id": "companies", "row_ids": ["row_123", "row_124"], "max_cost": 0.5}
_PROFILE = {
    "candidateId": "cand-1",
    "payload": {"fullName": "Ada Lovelace", "email": "ada@example.org"},
    "async": True,
}
_SEARCH = {"text": "mathematician in London", "limit": 10, "where": {"country": "United Kingdom"}}
_RUN = {"table_id": "companies", "columns": ["industry"], "where": {"state": ["empty", "failed"]}}


def _model(example: Mapping[str, Any]) -> ConfigDict:
    return ConfigDict(
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,
        json_schema_extra={"examples": [dict(example)]},
    )


class _Options(BaseModel):
    """How a run is to be carried out; `max_cost` is in credits."""

    force: Force = False
    parallel_probes: bool = True
    ensemble_fusion: bool | None = None
    max_cost: Credits | None = None
    policy: Literal["sequential", "parallel", "adaptive"] | None = None


class CellWish(_Options):
    """One cell. `wait_s` is how long to wait for it before the answer is 202."""

    model_config = _model(_CELL)
    table_id: Name
    row_id: Name
    column_key: Name
    wait_s: Wait = 30.0


class LabelWish(BaseModel):
    """That a value is right or wrong: the one given, or else the one that stands in the cell."""

    model_config = _model({"value": "Software", "right": True})
    right: bool = True
    value: Any = None
    kind: Literal["person", "verification", "agreement"] = "person"


class CellLabelWish(LabelWish):
    """That a cell's value is right or wrong; the cell is named in the body, whatever its name."""

    model_config = _model({**_CELL_NAMED, "right": True})
    table_id: Name
    row_id: Name
    column_key: Name


class RowWish(_Options):
    """Cells of one row, all enriched columns by default."""

    model_config = _model(_ROW)
    table_id: Name
    row_id: Name
    columns: Names | None = None
    wait_s: Wait = 30.0


class RowsWish(_Options):
    """Rows of a table; the answer is a run."""

    model_config = _model(_ROWS)
    table_id: Name
    row_ids: Annotated[list[Name], Field(min_length=1)]
    columns: Names | None = None


class WhereWish(BaseModel):
    """Which cells of a table: by state, age (up to ten years) and confidence."""

    model_config = _model({"state": ["empty"], "older_than_s": 86_400})
    state: list[State] | None = None
    older_than_s: Annotated[float, Field(ge=0, le=315_360_000)] | None = None
    confidence_below: Annotated[float, Field(ge=0, le=1)] | None = None


class RunWish(_Options):
    """A whole table, or its rows with cells `where`; the answer is a run."""

    model_config = _model(_RUN)
    table_id: Name
    columns: Names | None = None
    where: WhereWish | None = None


class BreakerWish(BaseModel):
    """A state to force a breaker into; held until it is released by `state: null`.

    `of` says which: that of the `tenant`'s own keys, or the one that `all` tenants share. Without
    it the widest that the credential may set. `why` is kept beside who did it.
    """

    model_config = _model({"state": "open", "hold": True, "of": "all", "why": "wrong values"})
    state: Literal["closed", "open", "half_open"] | None
    hold: bool = False
    of: Literal["tenant", "all"] | None = None
    why: Annotated[str, Field(max_length=500)] = ""


class ProfileWish(BaseModel):
    """A candidate's profile; keys of `payload` that mean a field become its column.

    With `async` false the answer waits for the job's end. `force` asks everybody again, even when
    the same profile came before. The header Idempotency-Key wins over `idempotencyKey`.
    """

    model_config = _model(_PROFILE)
    candidateId: Annotated[str, Field(min_length=1, max_length=128)]  # noqa: N815 - the contract's
    payload: Annotated[dict[str, Any], Field(json_schema_extra=_PAYLOAD)]
    is_async: Annotated[bool, Field(alias="async")] = True
    force: bool = False
    idempotencyKey: (  # noqa: N815 - the contract's
        Annotated[str, Field(json_schema_extra=_KEY)] | None
    ) = None


class SearchWish(BaseModel):
    """A sentence, and which rows it may find: those whose columns have the values of `where`."""

    model_config = _model(_SEARCH)
    text: Annotated[str, Field(min_length=1, max_length=8_000)]
    table_id: Name = CANDIDATES
    where: Annotated[dict[str, Any], Field(max_length=50)] = Field(default_factory=dict)
    limit: Annotated[int, Field(ge=1, le=100), BeforeValidator(_whole)] = 10


class PurgeWish(BaseModel):
    """Whose rows are to be erased: those whose column has the value, of one table or of all."""

    model_config = _model({"column_key": "email", "value": "ada@example.org"})
    column_key: Name
    value: Annotated[str, Field(min_length=1, max_length=10_000)]
    table_id: Name | None = None


class WebhookWish(BaseModel):
    """An address that is told of ends: https or http, of a public host."""

    model_config = _model({"url": "https://hooks.example.com/enrich"})
    url: Annotated[str, Field(min_length=1, max_length=2_000, json_schema_extra={"format": "uri"})]
