"""The settings of profile jobs."""

from typing import Annotated

from pydantic import Field

from enrich.engine.desk import DeskPolicy
from enrich.settings.embeddings import EmbeddingSettings
from enrich.settings.values import Values
from enrich.settings.webhooks import WebhookSettings

__all__ = ["JobSettings"]

_DESK = DeskPolicy()
_Time = Annotated[float, Field(ge=0, le=31_536_000)]


class JobSettings(Values):
    """How long a job is kept, and for how long an equal submit is given the same one."""

    keep_seconds: _Time = _DESK.keep_s
    dedupe_seconds: _Time = _DESK.dedupe_s

    def policy(self, embeddings: EmbeddingSettings, webhooks: WebhookSettings) -> DeskPolicy:
        """Give the engine's form."""
        return DeskPolicy(
            keep_s=self.keep_seconds,
            dedupe_s=self.dedupe_seconds,
            embedded_tables=embeddings.embedded_tables(),
            telling=webhooks.policy(),
        )
