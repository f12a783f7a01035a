"""Read provider files: every fault is named with its file, its line and the way out."""

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from enrich.errors import BadFileError
from providers.spec.file import HttpSpec
from providers.spec.lines import KeyPath, line_of
from providers.spec.spelling import near_key

__all__ = ["CATALOGUE", "json_schema", "load", "load_catalogue", "load_folder", "load_text"]

#: Where the files of the catalogue lie.
CATALOGUE = Path(__file__).parent.parent / "catalogue"

_AT_LINE = re.compile(r" ?\(at (?:line (\d+), column \d+|end of document)\)")
_HOLE = re.compile(r"\{[a-z_$]+")
_STEP = re.compile(r"[^.\[\]]+|\[\d+\]")
_PROBLEMS = {
    "missing": ("is missing", "add it"),
    "extra_forbidden": ("there is no such key", ""),
}
_INPUTS = 'write a list of lists, such as [["email"]] or [["first_name", "domain"], ["email"]]'


def load(path: Path) -> HttpSpec:
    """Read one file.

    Raises:
        BadFileError: it cannot be read, or says something that cannot be; names the line.
    """
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise BadFileError(str(path), f"cannot be read ({type(exc).__name__})") from None
    spec = load_text(text, path=str(path))
    if spec.name != path.stem:
        line = line_of(text, ("name",))
        hint = f"name the file {spec.name}.toml, or the provider {path.stem!r}"
        raise BadFileError(str(path), f"name: is {spec.name!r}", line=line, hint=hint)
    return spec


def load_text(text: str, *, path: str = "provider.toml") -> HttpSpec:
    """Read a file's text; `path` is what errors call it. Raises `BadFileError`."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        raise _no_toml(str(exc), text, path) from None
    try:
        # Through JSON, where a strict model still takes a list for a tuple.
        spec = HttpSpec.model_validate_json(json.dumps(data, default=str))
    except ValidationError as exc:
        faults = exc.errors(include_url=False, include_context=False, include_input=False)
        # A key that is misspelt is missing too: its own line says more.
        first = next((each for each in faults if each["type"] == "extra_forbidden"), faults[0])
        raise _wrong(first, data, text, path) from None
    _check_guesses(spec, data, text, path)
    return spec


@cache
def load_catalogue() -> tuple[HttpSpec, ...]:
    """Read every file of the catalogue, in the order of names; once a process.

    Raises:
        BadFileError: one of them is wrong.
    """
    return tuple(load(path) for path in sorted(CATALOGUE.glob("*.toml")))


def load_folder(folder: Path) -> tuple[tuple[HttpSpec, ...], tuple[BadFileError, ...]]:
    """Read every file of a folder, in the order of names; give those that are right, and faults.

    A folder that is not there is a fault too.
    """
    if not folder.is_dir():
        hint = "make it, or unset ENRICH_PROVIDERS__DIRECTORY"
        return (), (BadFileError(str(folder), "is no folder", hint=hint),)
    specs, faults = [], []
    for path in sorted(folder.glob("*.toml")):
        try:
            specs.append(load(path))
        except BadFileError as exc:
            faults.append(exc)
    return tuple(specs), tuple(faults)


def json_schema() -> dict[str, Any]:
    """Give the JSON Schema of a provider's file, for editors."""
    schema = HttpSpec.model_json_schema(by_alias=True, mode="validation")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _no_toml(problem: str, text: str, path: str) -> BadFileError:
    place = _AT_LINE.search(problem)
    line = int(place[1]) if place and place[1] else len(text.splitlines())
    said = _AT_LINE.sub("", problem)
    return BadFileError(path, f"is no TOML: {said}", line=line, hint="correct this line")


def _wrong(detail: ErrorDetails, data: Mapping[str, Any], text: str, path: str) -> BadFileError:
    place = _place(detail["loc"], data)
    problem, hint = _PROBLEMS.get(detail["type"], (detail["msg"], ""))
    problem = problem.removeprefix("Value error, ").replace("Input should be", "must be")
    if detail["type"] == "extra_forbidden":
        hint = near_key(HttpSpec, place)
    elif place[:1] == ("inputs",) and detail["type"] == "tuple_type":
        hint = _INPUTS
    where = _dotted(place)
    said = f"{where}: {problem}" if where else problem
    line = line_of(text, place) or _line_with_hole(text, problem)
    return BadFileError(path, said, line=line, hint=hint)


def _line_with_hole(text: str, problem: str) -> int:
    """Find the hole that a fault of the whole file names."""
    hole = _HOLE.search(problem)
    lines = enumerate(text.splitlines(), start=1)
    return next((n for n, line in lines if hole and re.search(rf"{hole[0]}\b", line)), 0)


def _place(loc: Sequence[str | int], data: Any) -> KeyPath:
    """Keep of a place what is in the file (the rest is about types), and a missing last key."""
    place: list[str | int] = []
    for step in loc:
        is_entry = isinstance(data, list) and isinstance(step, int) and step < len(data)
        if is_entry or (isinstance(data, dict) and step in data):
            data = data[step]
        elif step == "[key]" or step != loc[-1] or not isinstance(data, dict):
            continue
        place.append(step)
    return tuple(place)


def _dotted(place: KeyPath) -> str:
    steps = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in place)
    return steps.removeprefix(".")


def _check_guesses(spec: HttpSpec, data: Mapping[str, Any], text: str, path: str) -> None:
    """See to it that what is called guessed is in the file."""
    for number, guess in enumerate(spec.guessed):
        found: Any = data
        for step in _STEP.findall(guess):
            key = int(step[1:-1]) if step.startswith("[") else step
            try:
                found = found[key]
            except (KeyError, IndexError, TypeError):
                line = line_of(text, ("guessed", number))
                hint = "write the path of a key, such as limits[0].count"
                raise BadFileError(path, f"guessed: no {guess}", line=line, hint=hint) from None
