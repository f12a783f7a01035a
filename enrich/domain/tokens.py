"""What a language model charges: so much for a million tokens read, so much for written ones."""

from collections.abc import Mapping
from dataclasses import dataclass

from enrich.domain.framing import framed_bytes
from enrich.domain.values import Json

__all__ = ["TokenPrice"]

_MILLION = 1_000_000
#: Signs that a model's own template puts around the messages of a question, from above.
_TEMPLATE_TOKENS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenPrice:
    """Prices for a million tokens in micro-credits, and the bounds of one question.

    Attributes:
        prompt_bytes: of what is sent with every question, whatever the row.
        written_max: tokens that the model may write.
    """

    read_microcredits: int
    written_microcredits: int
    prompt_bytes: int = 0
    written_max: int = 0

    def cost(self, *, read: int, written: int) -> int:
        """Give what tokens cost, in whole micro-credits, rounded up."""
        spent = read * self.read_microcredits + written * self.written_microcredits
        return -(-spent // _MILLION)

    def most(self, inputs: Mapping[str, Json]) -> int:
        """Give what a question with these inputs costs at most: a token is at least a byte."""
        read = self.prompt_bytes + framed_bytes(inputs) + _TEMPLATE_TOKENS
        return self.cost(read=read, written=self.written_max)
