"""Columns to JSON for PostgreSQL, and back."""

from collections.abc import Iterable, Mapping
from typing import Any

from enrich.domain.prompt import Prompt
from enrich.domain.table import Column, Overwrite
from enrich.domain.values import JsonObject

__all__ = ["column_to_json", "columns_from_json"]


def column_to_json(column: Column) -> JsonObject:
    """Encode a row of `columns`."""
    return {
        "key": column.key,
        "field": column.field,
        "enriched": column.enriched,
        "overwrite": column.overwrite.value,
        "min_confidence": column.min_confidence,
        "position": column.position,
        "fusion": column.fusion,
        "worth_microcredits": column.worth_microcredits,
        "loss_microcredits": column.loss_microcredits,
        "prompt": _prompt_to_json(column.prompt) if column.prompt else None,
    }


def _column_from_json(raw: Mapping[Any, Any]) -> Column:
    return Column(
        key=raw["key"],
        field=raw["field"],
        enriched=raw["enriched"],
        overwrite=Overwrite(raw["overwrite"]),
        min_confidence=float(raw["min_confidence"]),
        position=raw["position"],
        fusion=raw.get("fusion", ""),
        worth_microcredits=raw.get("worth_microcredits"),
        loss_microcredits=raw.get("loss_microcredits"),
        prompt=_prompt_from_json(raw["prompt"]) if raw.get("prompt") else None,
    )


def _prompt_to_json(prompt: Prompt) -> JsonObject:
    out: JsonObject = {"text": prompt.text, "schema": prompt.schema}
    if prompt.evidence:
        out["evidence"] = [*prompt.evidence]
    if prompt.model:
        out["model"] = prompt.model
    if prompt.max_cost_microcredits is not None:
        out["max_cost_microcredits"] = prompt.max_cost_microcredits
    return out


def _prompt_from_json(raw: Mapping[Any, Any]) -> Prompt:
    return Prompt(
        text=raw["text"],
        schema=raw["schema"],
        evidence=tuple(raw.get("evidence", ())),
        model=raw.get("model", ""),
        max_cost_microcredits=raw.get("max_cost_microcredits"),
    )


def columns_from_json(raw: Iterable[Mapping[Any, Any]]) -> tuple[Column, ...]:
    """Decode a table's columns, in the order given."""
    return tuple(_column_from_json(column) for column in raw)
