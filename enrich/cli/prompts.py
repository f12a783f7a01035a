"""The options of `enrich columns` for a column that a language model fills."""

from dataclasses import dataclass
from pathlib import Path

import click

from enrich.cli.output import grouped
from enrich.cli.wishes import CREDITS
from enrich.domain.answer_form import ANSWERS
from enrich.domain.prompt import Prompt
from enrich.engine.prompts import PromptWish, prompt_of
from enrich.errors import BadFileError, BadInputError

__all__ = ["PromptOptions", "prompt_options"]

#: What adds the options to a command, which gets them by their names.
prompt_options = grouped(
    click.option(
        "--prompt", help="A language model fills it: a text with {column}s; '' ends that."
    ),
    click.option(
        "--answer", type=click.Choice([*ANSWERS]), help="Form of the answer; default text."
    ),
    click.option("--choices", help="The answer is one of these (comma between)."),
    click.option(
        "--schema",
        type=click.Path(path_type=Path),
        help="The answer has this JSON Schema (a file).",
    ),
    click.option("--evidence", help="Columns in which quotes are looked for; default: all named."),
    click.option("--model", help="By the provider's name for it."),
    click.option("--max-cost", type=CREDITS, help="Credits that one cell may cost."),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptOptions:
    """What was given on the command line; None is what was not."""

    prompt: str | None
    answer: str | None
    choices: str | None
    schema: Path | None
    evidence: str | None
    model: str | None
    max_cost: float | None

    @property
    def is_given(self) -> bool:
        """Say whether there is anything about a prompt."""
        return any(getattr(self, name) is not None for name in self.__slots__)

    def over(self, present: Prompt | None) -> Prompt | None:
        """Give the prompt that the column has then. Raises `BadInputError`."""
        text = self.prompt if self.prompt is not None else present.text if present else None
        if not self.is_given or text == "":
            return present if not self.is_given else None
        if text is None:
            raise BadInputError("--prompt", "is missing: no language model fills this column")
        wish = PromptWish(
            text=text,
            answer=self.answer,
            choices=_words(self.choices) or (),
            schema=_content(self.schema) if self.schema else None,
            evidence=_words(self.evidence),
            model=self.model,
            max_cost=self.max_cost,
        )
        return prompt_of(wish, present)


def _words(text: str | None) -> tuple[str, ...] | None:
    return None if text is None else tuple(w for word in text.split(",") if (w := word.strip()))


def _content(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise BadFileError(str(path), f"cannot be read ({type(exc).__name__})") from None
