"""What a body may hold, for whoever sent a key that it may not."""

from collections.abc import Iterator, Sequence
from typing import Any, get_args

from fastapi import Request
from fastapi.routing import APIRoute
from pydantic import BaseModel

from enrich.errors import UnknownNameError

__all__ = ["UNKNOWN_KEY", "unknown_key"]

#: The kind of the validation library's error.
UNKNOWN_KEY = "extra_forbidden"
_LONGEST = 100


def unknown_key(request: Request, place: Sequence[int | str]) -> str:
    """Give the sentence about a key of a body, at its place, with the nearest of those known."""
    name, known = str(place[-1]), _known_at(request, place[1:-1])
    if len(name) > _LONGEST:
        return "there is no such key"
    return str(UnknownNameError("key", name, known=known))


def _known_at(request: Request, place: Sequence[int | str]) -> tuple[str, ...]:
    route = request.scope.get("route")
    field = route.body_field if isinstance(route, APIRoute) else None
    model = next(_models_in(field.field_info.annotation), None) if field else None
    for part in place:
        model = model and _model_of(model, part)
    return () if model is None else tuple(_named(model))


def _model_of(model: type[BaseModel], part: int | str) -> type[BaseModel] | None:
    annotation = _named(model).get(str(part))
    return next(_models_in(annotation), None)


def _named(model: type[BaseModel]) -> dict[str, Any]:
    return {one.alias or name: one.annotation for name, one in model.model_fields.items()}


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """Find the models of an annotation such as `WhereWish | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for each in get_args(annotation):
        yield from _models_in(each)
