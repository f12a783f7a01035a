"""Compare what an answer became with what a file's example says that it must become."""

from collections.abc import Mapping

from enrich.domain.outcome import Found, Outcome
from enrich.domain.values import Json
from providers.spec.answers import Example
from providers.spec.model import BulkRow

__all__ = ["differs"]


def differs(shown: Example | BulkRow, outcome: Outcome) -> str:
    """Say in what values or confidence an outcome is another than shown; empty when in none."""
    seen = outcome.observations if isinstance(outcome, Found) else {}
    values: Mapping[str, Json] = {name: one.value for name, one in seen.items()}
    sure = {name: seen[name].confidence for name in shown.confidence or {} if name in seen}
    if shown.values is not None and values != shown.values:
        return f"reads {values}, not {shown.values}"
    if shown.confidence is not None and sure != shown.confidence:
        return f"is as sure as {sure}, not {shown.confidence}"
    return ""
