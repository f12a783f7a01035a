"""What the shell's options say about the cells to take up, in the words of a message."""

import re
from collections.abc import Mapping
from typing import Any

import click

from enrich.cli.output import grouped
from enrich.errors import BadInputError

__all__ = ["CREDITS", "age_s", "cell_options", "names_of", "where_of"]

_AGE = re.compile(r"(\d+(?:\.\d+)?)\s*(s|m|h|d|w)", re.ASCII)
_UNIT_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}
#: The shell's words for the states of cells.
_STATES = {
    "failed": "failed",
    "empty": "empty",
    "not-found": "not_found",
    "pending": "pending",
    "skipped": "skipped",
}
_WHERE = (*_STATES, "stale", "low-confidence")
#: What adds the options about cells to a command, which gets them by their names; see `where_of`.
cell_options = grouped(
    click.option(
        "--where", multiple=True, type=click.Choice(_WHERE), help="Only cells like these."
    ),
    click.option("--older-than", default="30d", show_default=True, help="What stale means."),
    click.option(
        "--below",
        type=click.FloatRange(0, 1),
        default=0.7,
        show_default=True,
        help="What low confidence means.",
    ),
)


class _Credits(click.FloatRange):
    """A number of credits; anything else is told in one sentence."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        try:
            return float(super().convert(value, param, ctx))
        except click.BadParameter:
            option = param.opts[0] if param else "credits"
            problem = f"{value!r} is not a number of credits"
            raise BadInputError(option, problem, hint="0 or more, for example 0.5") from None


#: The type of options that take an amount of money.
CREDITS = _Credits(0)


def names_of(columns: str | None) -> tuple[str, ...] | None:
    """Read `--columns`; None for all enriched ones. Raises `BadInputError`."""
    if columns is None:
        return None
    names = tuple(dict.fromkeys(name.strip() for name in columns.split(",") if name.strip()))
    if not names:
        raise BadInputError("--columns", "names no column")
    return names


def where_of(given: Mapping[str, Any]) -> dict[str, object] | None:
    """Give what a message would say of `cell_options`; None for all cells not filled."""
    where: dict[str, object] = {}
    kinds = given["where"]
    if states := [_STATES[kind] for kind in kinds if kind in _STATES]:
        where["state"] = states
    if "stale" in kinds:
        where["older_than_s"] = age_s("--older-than", given["older_than"])
    if "low-confidence" in kinds:
        where["confidence_below"] = given["below"]
    return where or None


def age_s(option: str, text: str) -> float:
    """Read a length of time, such as 30d or 12h. Raises `BadInputError`."""
    match = _AGE.fullmatch(text.strip())
    if not match:
        raise BadInputError(option, f"{text!r} is no age", hint="for example 30d or 12h")
    return float(match[1]) * _UNIT_S[match[2]]
