"""Runs, their counts and the lines of their ledger to JSON for PostgreSQL, and back."""

import json
from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from typing import Any

from enrich.domain.outcome import outcome_from_json, outcome_to_json
from enrich.domain.run import (
    CellFilter,
    Counts,
    Force,
    Order,
    Response,
    RunOptions,
    RunState,
    RunView,
)
from enrich.domain.values import JsonObject
from enrich.errors import BadInputError
from enrich.store.codec import dumps, moment_of, text_of
from enrich.store.columns import columns_from_json

__all__ = [
    "counts_from_json",
    "counts_to_json",
    "options_from_json",
    "options_to_json",
    "response_from_json",
    "response_to_json",
    "run_view",
    "stored_response",
]


#: They stand among the numbers, because SQL adds up what has no deeper parts.
_NAMED = ("answers", "endings")


def options_to_json(options: RunOptions) -> JsonObject:
    """Encode a run's options."""
    out: JsonObject = {**asdict(replace(options, where=None)), "force": options.force.value}
    if options.where is not None:
        out["where"] = {
            "states": [*sorted(options.where.states)],
            "observed_before": text_of(options.where.observed_before),
            "confidence_below": options.where.confidence_below,
        }
    return out


def options_from_json(raw: Mapping[Any, Any]) -> RunOptions:
    """Decode a run's options; what an older version did not store has its default."""
    known = {field.name for field in fields(RunOptions)}
    given = {name: value for name, value in raw.items() if name in known}
    given["force"] = Force(given.get("force", Force.NONE))
    if given.get("policy") is not None:
        given["policy"] = Order(given["policy"])
    if (where := given.get("where")) is not None:
        given["where"] = CellFilter(
            states=frozenset(where["states"]),
            observed_before=moment_of(where["observed_before"]),
            confidence_below=where["confidence_below"],
        )
    return RunOptions(**given)


def counts_from_json(raw: Mapping[Any, Any]) -> Counts:
    """Decode a run's counts."""
    known = {field.name for field in fields(Counts)}
    numbers = {name: int(value) for name, value in raw.items() if name in known}
    named: dict[str, dict[str, int]] = {kind: {} for kind in _NAMED}
    for name, value in raw.items():
        kind, found, rest = name.partition(":")
        if found and kind in named:
            named[kind][rest] = int(value)
    return Counts(**numbers, answers=named["answers"], endings=named["endings"])


def counts_to_json(counts: Counts) -> JsonObject:
    """Encode what a step adds to its run's counts; zeros are left out."""
    numbers = asdict(replace(counts, answers={}, endings={}))
    told: JsonObject = {name: amount for name, amount in numbers.items() if amount}
    for kind in _NAMED:
        told |= {f"{kind}:{name}": amount for name, amount in getattr(counts, kind).items()}
    return told


def run_view(raw: Mapping[Any, Any]) -> RunView:
    """Decode a run with its table's name and columns."""
    return RunView(
        id=raw["run_id"],
        tenant=raw["tenant_id"],
        table=raw["table_name"],
        columns=columns_from_json(raw["table_columns"]),
        wanted=tuple(raw["wanted"]),
        options=options_from_json(raw["options"]),
        state=RunState(raw["state"]),
    )


def response_to_json(response: Response) -> JsonObject:
    """Encode a line of the ledger; who records it is stored beside, from the batch itself."""
    return {
        "row_id": response.row,
        "provider": response.provider,
        "provider_version": response.provider_version,
        "input_key": response.input_key,
        "final": response.is_final,
        "kind": response.outcome.kind.value,
        "outcome": outcome_to_json(response.outcome),
        "cost_microcredits": response.cost_microcredits,
        "latency_s": response.latency_s,
        "observed_at": text_of(response.observed_at),
        "from_cache": response.from_cache,
        "coalesced": response.coalesced,
        "stale": response.stale,
        "calls": response.calls,
        "batch": response.batch,
        "attempt": response.attempt,
    }


def response_from_json(raw: Mapping[Any, Any]) -> Response:
    """Decode a line of the ledger."""
    observed_at = moment_of(raw["observed_at"])
    if observed_at is None:
        raise BadInputError("observed_at", "is not there")
    return Response(
        row=raw["row_id"],
        provider=raw["provider"],
        provider_version=raw["provider_version"],
        input_key=raw["input_key"],
        outcome=outcome_from_json(raw["outcome"]),
        cost_microcredits=raw["cost_microcredits"],
        latency_s=float(raw["latency_s"]),
        observed_at=observed_at,
        from_cache=raw["from_cache"],
        coalesced=raw["coalesced"],
        stale=raw["stale"],
        calls=raw["calls"],
        batch=raw["batch"],
        attempt=raw["attempt"],
    )


def stored_response(response: Response) -> Response:
    """Give a response as it comes back from the ledger."""
    name = f"provider {response.provider}"
    return response_from_json(json.loads(dumps(response_to_json(response), name=name)))
