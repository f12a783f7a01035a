"""The settings of the language model that columns with a prompt are filled by."""

from typing import Annotated

from pydantic import AfterValidator, Field

from enrich.domain.values import microcredits_of
from enrich.settings.values import Values
from providers.llm.messages import AnswerFormat
from providers.llm.terms import ModelTerms

__all__ = ["LlmSettings"]

_TERMS = ModelTerms()
_Price = Annotated[float, Field(ge=0, le=10_000)]
_Url = Annotated[
    str,
    Field(pattern=r"^https?://[^\s@?#{}]+$", max_length=500),
    AfterValidator(lambda url: url.rstrip("/")),
]


class LlmSettings(Values):
    """Which model is asked, where, at what price for a million tokens, in credits.

    With a `base_url` another OpenAI-compatible server than Together AI's is asked, with the key
    ENRICH_CREDENTIALS__LLM, or with none. `unsupported_confidence` is that of a value whose quote
    is not in the source; servers that know no JSON Schema want another `answer_format`.
    """

    base_url: _Url | None = None
    model: Annotated[str, Field(pattern=r"^[!-~]{1,200}$")] = _TERMS.model
    input_credits_per_million: _Price = _TERMS.read_microcredits / 1e6
    output_credits_per_million: _Price = _TERMS.written_microcredits / 1e6
    max_tokens: Annotated[int, Field(ge=16, le=8192)] = _TERMS.max_tokens
    max_concurrent: Annotated[int, Field(ge=1, le=64)] | None = None
    unsupported_confidence: Annotated[float, Field(ge=0, le=_TERMS.unsupported)] = (
        _TERMS.unsupported
    )
    answer_format: AnswerFormat = _TERMS.format

    def terms(self) -> ModelTerms:
        """Give the provider's form."""
        return ModelTerms(
            model=self.model,
            base_url=self.base_url,
            read_microcredits=microcredits_of(self.input_credits_per_million),
            written_microcredits=microcredits_of(self.output_credits_per_million),
            max_tokens=self.max_tokens,
            max_concurrent=self.max_concurrent,
            unsupported=self.unsupported_confidence,
            format=self.answer_format,
        )
