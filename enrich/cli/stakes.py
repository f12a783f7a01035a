"""The options of `enrich columns` about what a column's cells are worth."""

from dataclasses import dataclass, replace
from typing import Any, Final

import click

from enrich.cli.output import grouped
from enrich.domain.table import Column
from enrich.domain.values import microcredits_of

__all__ = ["StakeOptions", "stake_options"]

#: What takes a column's own amount away, so that the settings' holds.
DEFAULT: Final = "default"


class _Credits(click.ParamType[str | float]):
    """Credits within a range, or the word for those of the settings."""

    name = f"CREDITS|{DEFAULT}"

    def __init__(self, least: float) -> None:
        self._range = click.FloatRange(least, 1e6)

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> str | float:
        """Give the word as it is and the number as a number."""
        return DEFAULT if value == DEFAULT else float(self._range.convert(value, param, ctx))


#: What adds the options to a command, which gets them by their names.
stake_options = grouped(
    click.option("--worth", type=_Credits(1e-6), help="What a right value of a cell is worth."),
    click.option(
        "--wrong-cost",
        type=_Credits(0),
        help="What a wrong one costs; the dearer, the surer a value must be.",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StakeOptions:
    """What was given on the command line, in credits; None is what was not."""

    worth: str | float | None
    wrong_cost: str | float | None

    def over(self, column: Column) -> Column:
        """Give the column as it is then."""
        return replace(
            column,
            worth_microcredits=_amount(self.worth, column.worth_microcredits),
            loss_microcredits=_amount(self.wrong_cost, column.loss_microcredits),
        )


def _amount(given: str | float | None, present: int | None) -> int | None:
    if given is None:
        return present
    return None if isinstance(given, str) else microcredits_of(given)
