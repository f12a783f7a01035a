"""Which keys a part of a provider's file has, for whoever wrote one that it has not."""

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel

__all__ = ["keys_at", "near_key"]


def near_key(model: type[BaseModel], place: Sequence[str | int]) -> str:
    """Say what a key at this place was meant to be, or which there are."""
    known = keys_at(model, place[:-1])
    near = get_close_matches(str(place[-1]), known, n=1)
    if near:
        return f"did you mean {near[0]!r}?"
    return f"there are {', '.join(known)}" if known else "remove it, or correct its spelling"


def keys_at(model: type[BaseModel], place: Sequence[str | int]) -> list[str]:
    """Give the keys of the part at a place, in the order of the model; none where it is no part."""
    parts = [model]
    for step in place:
        if isinstance(step, int):
            continue  # the parts of a list are those of its field
        fields = [part.model_fields[step] for part in parts if step in part.model_fields]
        inner = [each for field in fields for each in _parts_in(field.annotation)]
        # A step that is no field is a name in a table of parts, as those of [response.fields].
        parts = inner if fields else parts
    return [field.alias or name for part in parts for name, field in part.model_fields.items()]


def _parts_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _parts_in(inner)
