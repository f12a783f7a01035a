"""Which language model is asked, at what price, within what bounds."""

from dataclasses import dataclass

from providers.llm.evidence import UNSUPPORTED
from providers.llm.messages import AnswerFormat

__all__ = ["ModelTerms"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelTerms:
    """Which model is asked where a column names none, what it costs, and what bounds an answer.

    Attributes:
        base_url: of an OpenAI-compatible server; None is Together AI's.
        read_microcredits, written_microcredits: the price of a million tokens.
        max_tokens: of one answer.
        max_concurrent: calls that one probe may have under way at once; None leaves it to the file.
        unsupported: the confidence of a value whose quote is not in the source.
        format: how the server is told the form of an answer.
    """

    model: str = "meta-llama/Llama-3.3-70B-Instruct-Turbo"
    base_url: str | None = None
    read_microcredits: int = 880_000
    written_microcredits: int = 880_000
    max_tokens: int = 400
    max_concurrent: int | None = None
    unsupported: float = UNSUPPORTED
    format: AnswerFormat = "json_schema"
