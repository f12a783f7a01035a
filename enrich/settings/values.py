"""What settings are made of: types with their units and ranges, and how they are written."""

import re
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

__all__ = ["Count", "Credits", "FieldTtls", "Flag", "Places", "Seconds", "Share", "Ttl", "Values"]


def _flag(value: object) -> object:
    # Stricter than pydantic: `yes`, `on` and `2` are more often a slip than a wish.
    return {"true": True, "1": True, "false": False, "0": False}.get(str(value).lower(), value)


def _pairs(value: object) -> object:
    if not isinstance(value, str):
        return value
    pairs = (part.partition("=") for part in value.split(","))
    return {name.strip(): number.strip() for name, _, number in pairs}


_PLACE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")


def _places(value: object) -> object:
    if not isinstance(value, str):
        return value
    places = tuple(place for part in value.split(",") if (place := part.strip()))
    for place in places:
        if not _PLACE.fullmatch(place):
            problem = "must be package.module:function, with commas between several"
            raise PydanticCustomError("places", problem)
    return places


Flag = Annotated[bool, BeforeValidator(_flag), Field(strict=True)]
Seconds = Annotated[float, Field(gt=0, le=86_400)]
Ttl = Annotated[int, Field(ge=0, le=2**31)]
#: Written as `employees=86400,phone=3600`.
FieldTtls = Annotated[dict[str, Ttl], BeforeValidator(_pairs)]
#: Written as `acme.lookup:provider,acme.other:provider`.
Places = Annotated[tuple[str, ...], BeforeValidator(_places)]
Count = Annotated[int, Field(ge=1, le=1_000_000)]
Share = Annotated[float, Field(gt=0, le=1)]
Credits = Annotated[float, Field(ge=0, le=1e9)]


class Values(BaseModel):
    """Frozen values that know all of their names."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, hide_input_in_errors=True
    )
