"""From the names and strings of an environment to the fields of a model, and back for errors."""

import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, TypeVar, get_origin

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from enrich.errors import SettingsError

__all__ = ["EnvironmentSource", "checked", "variables"]

_PREFIX = "ENRICH_"
#: A name within a group whose names are free.
_FREE_NAME = re.compile(r"[a-z][a-z0-9]*(_{1,2}[a-z0-9]+)*")
_WITHOUT_PREFIX = frozenset({"database_url", "redis_url"})
_QUOTED_CHARS = 40
_Model = TypeVar("_Model", bound=BaseSettings)
_Path = tuple[str, ...]
_PROBLEMS = {
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_parsing": "must be a number",
    "bool_type": "must be true or false",
}


def variables(model: type[BaseModel]) -> dict[str, _Path]:
    """List every variable that a model of settings reads, with the path of its field.

    Those of a group whose names are free (a mapping) are not among them.
    """
    names: dict[str, _Path] = {}
    for key, field in model.model_fields.items():
        if _is_free(field):
            continue
        if group := _group_of(field):
            inner = ((name, f.alias or name) for name, f in group.model_fields.items())
            names |= {_variable((key, shown)): (key, shown) for _, shown in inner}
        else:
            names[_variable((key,))] = (key,)
    return names


class EnvironmentSource(PydanticBaseSettingsSource):
    """The one source of settings: variables, of which each must be one that we know.

    The stock source passes over a misspelt name in silence; this one names it and its nearest.
    """

    def __init__(self, settings_cls: type[BaseSettings], env: Mapping[str, str]) -> None:
        super().__init__(settings_cls)
        self._values = _nested(env, settings_cls)

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Give what the environment says about one field."""
        return self._values.get(field_name), field_name, _group_of(field) is not None

    def __call__(self) -> dict[str, Any]:
        """Give all that the environment says, by field; unset means the default."""
        return self._values


def _nested(env: Mapping[str, str], model: type[BaseModel]) -> dict[str, Any]:
    """Gather what the environment says about a model, by field.

    Raises:
        SettingsError: a variable with our prefix is none of ours; offers the nearest that is.
    """
    known = variables(model)
    free = {
        name: path
        for name in env
        if name not in known and (path := _free_path(name, model)) is not None
    }
    for name in env:
        if name.upper().startswith(_PREFIX) and name not in known and name not in free:
            raise _unknown(name, known)
    values: dict[str, Any] = {}
    for name, path in (known | free).items():
        if text := env.get(name, "").strip():
            _put(values, path, text)
    return values


def checked(model: type[_Model], env: Mapping[str, str]) -> _Model:
    """Build the model from its sources.

    Raises:
        SettingsError: a value is wrong; the first one is named, with the way out.
    """
    try:
        return model()
    except ValidationError as exc:
        first = exc.errors(include_url=False, include_context=False)[0]
    raise _wrong(model, first, _nested(env, model))


def _group_of(field: FieldInfo) -> type[BaseModel] | None:
    kind = field.annotation
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def _is_free(field: FieldInfo) -> bool:
    return get_origin(field.annotation) is dict


def _free_path(name: str, model: type[BaseModel]) -> _Path | None:
    """Give the path of a variable in a group whose names are free; None when it is in none."""
    for key, field in model.model_fields.items():
        prefix = f"{_variable((key,))}__"
        inner = name.removeprefix(prefix).lower()
        if _is_free(field) and name.startswith(prefix) and _FREE_NAME.fullmatch(inner):
            return (key, inner)
    return None


def _variable(path: _Path) -> str:
    name = "__".join(path).upper()
    return name if path[0] in _WITHOUT_PREFIX else _PREFIX + name


def _put(values: dict[str, Any], path: _Path, text: str) -> None:
    *groups, last = path
    for group in groups:
        values = values.setdefault(group, {})
    values[last] = text


def _unknown(name: str, known: Mapping[str, _Path]) -> SettingsError:
    near = get_close_matches(name.upper(), known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(sorted(known))}"
    return SettingsError(name, "there is no such setting", hint=hint)


def _wrong(
    model: type[BaseModel], detail: ErrorDetails, values: Mapping[str, Any]
) -> SettingsError:
    path = tuple(str(part) for part in detail["loc"])[:2]
    field = _field(model, path)
    given = _given(values, path)
    problem = _PROBLEMS.get(detail["type"], detail["msg"].replace("Input should be", "must be"))
    if isinstance(given, Mapping):
        # Of a whole group nothing is repeated: secrets may be among its values.
        return SettingsError(_variable(path), problem)
    if field.annotation != SecretStr | None:
        problem += f", not {str(given)[:_QUOTED_CHARS]!r}"
    default = (
        "" if field.default in (None, ()) else f" for the default, {str(field.default).lower()}"
    )
    return SettingsError(_variable(path), problem, hint=f"unset it{default}")


def _field(model: type[BaseModel], path: _Path) -> FieldInfo:
    field = model.model_fields[path[0]]
    group = _group_of(field)
    if group is None or len(path) == 1:
        return field
    return next(f for name, f in group.model_fields.items() if path[1] in {name, f.alias})


def _given(values: Mapping[str, Any], path: _Path) -> object:
    found: Any = values
    for part in path:
        found = found.get(part) if isinstance(found, Mapping) else None
    return found
