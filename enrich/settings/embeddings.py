"""The settings of embeddings: which model, where it is asked, and of which tables."""

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from enrich.settings.values import Flag, Seconds, Values

__all__ = ["EmbeddingSettings"]


def _names(value: object) -> object:
    if not isinstance(value, str):
        return value
    return tuple(name for part in value.split(",") if (name := part.strip()))


_Url = Annotated[
    str,
    Field(pattern=r"^https?://[^\s@?#{}]+$", max_length=500),
    AfterValidator(lambda url: url.rstrip("/")),
]


class EmbeddingSettings(Values):
    """Which rows are found by meaning: those of `tables`, written as `candidates,companies`.

    With a `url` (such as https://api.openai.com/v1) the `model` of an OpenAI-compatible server
    makes the vectors, with the key ENRICH_CREDENTIALS__EMBEDDINGS or none. Without one it is
    `hashing-256`, made here: it compares spellings, not meanings. Another `model` is built beside
    the one that is searched, and searched when it is complete; until then that one is asked at
    `previous_url`, where another server has it.
    """

    enabled: Flag = True
    url: _Url | None = None
    previous_url: _Url | None = None
    model: Annotated[str, Field(pattern=r"^[!-~]{1,200}$")] = "hashing-256"
    tables: Annotated[tuple[str, ...], BeforeValidator(_names)] = ("candidates",)
    batch_texts: Annotated[int, Field(ge=1, le=256)] = 8
    timeout_seconds: Seconds = 10.0

    def embedded_tables(self) -> tuple[str, ...]:
        """Give the tables whose rows are embedded; none when that is switched off."""
        return self.tables if self.enabled else ()
