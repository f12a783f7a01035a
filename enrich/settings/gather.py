"""The settings of gathering single requests."""

from typing import Annotated

from pydantic import Field

from enrich.domain.policy import GatherPolicy
from enrich.settings.values import Values

__all__ = ["GatherSettings"]

_GATHER = GatherPolicy()


class GatherSettings(Values):
    """How requests about single cells and rows, and profile jobs, are gathered in a worker.

    A request waits for others for at most `window_seconds`, up to `max_rows` of them, unless none
    is under way: then it goes at once. A job, whose caller has an answer already, waits for twenty
    such windows. `max_groups` are carried out at a time by each worker.
    """

    window_seconds: Annotated[float, Field(ge=0, le=1)] = _GATHER.window_s
    max_rows: Annotated[int, Field(ge=1, le=1_000)] = _GATHER.most
    max_groups: Annotated[int, Field(ge=1, le=100)] = _GATHER.at_once

    def policy(self) -> GatherPolicy:
        """Give the domain's form."""
        return GatherPolicy(
            window_s=self.window_seconds, most=self.max_rows, at_once=self.max_groups
        )
