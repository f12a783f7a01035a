"""Read the arguments of a request: anybody may have sent them, in any language."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from enrich.domain.run import CellFilter, Force, Order, RunOptions
from enrich.domain.table import CellState
from enrich.domain.values import microcredits_of
from enrich.errors import BadInputError
from enrich.ports import Selection

__all__ = ["columns_of", "name_of", "names_of", "options_of", "selection_of"]

_MAX_NAME = 512
_STATES = frozenset({state.value for state in CellState} | {"empty"})


def name_of(field: str, value: object) -> str:
    """Read a name: text that is not empty, without NUL, of at most 512 characters."""
    if not isinstance(value, str) or not value.strip():
        raise BadInputError(field, "must be a text that is not empty")
    if "\0" in value or len(value) > _MAX_NAME:
        raise BadInputError(field, f"must hold no NUL and at most {_MAX_NAME} characters")
    return value


def names_of(field: str, values: object) -> tuple[str, ...]:
    """Read a list of names."""
    if isinstance(values, str) or not isinstance(values, Sequence):
        raise BadInputError(field, "must be a list of texts")
    return tuple(name_of(f"{field}[{place}]", value) for place, value in enumerate(values))


def columns_of(values: object) -> tuple[str, ...] | None:
    """Read the wanted columns; None for all enriched ones."""
    return None if values is None else names_of("columns", values)


def options_of(
    force: object,
    parallel_probes: object,
    ensemble_fusion: object,
    max_cost: object,
    policy: object = None,
) -> RunOptions:
    """Read a run's options. Types are not bent: "false" is not a boolean."""
    if not isinstance(parallel_probes, bool):
        raise BadInputError("parallel_probes", "must be true or false")
    if not isinstance(ensemble_fusion, bool | None):
        raise BadInputError("ensemble_fusion", "must be true, false or null")
    return RunOptions(
        force=_force_of(force),
        parallel_probes=parallel_probes,
        ensemble_fusion=ensemble_fusion,
        max_cost_microcredits=_cost_of(max_cost),
        policy=_order_of(policy),
    )


def selection_of(where: object, options: RunOptions, now: datetime) -> tuple[Selection, RunOptions]:
    """Read which cells a run takes up, by their state, age and confidence."""
    if where is None or where == {}:
        return Selection(), options
    if not isinstance(where, Mapping):
        raise BadInputError("where", "must be an object")
    unknown = sorted(set(where) - {"state", "older_than_s", "confidence_below"})
    if unknown:
        hint = "it may hold state, older_than_s and confidence_below"
        raise BadInputError(f"where.{unknown[0]}", "is not known", hint=hint)
    taken = CellFilter(
        states=_states_of(where.get("state")),
        observed_before=_before(where.get("older_than_s"), now),
        confidence_below=_number("where.confidence_below", where.get("confidence_below"), 1.0),
    )
    selection = Selection(
        states=taken.states,
        observed_before=taken.observed_before,
        confidence_below=taken.confidence_below,
    )
    return selection, replace(options, where=taken)


def _force_of(force: object) -> Force:
    if isinstance(force, Force):
        return force
    if isinstance(force, bool):
        return Force.RESPONSES if force else Force.NONE
    try:
        return Force(str(force))
    except ValueError:
        known = ", ".join(level.value for level in Force)
        raise BadInputError("force", f"must be true, false or one of {known}") from None


def _order_of(policy: object) -> Order | None:
    if policy is None:
        return None
    try:
        return Order(str(policy))
    except ValueError:
        known = ", ".join(order.value for order in Order)
        raise BadInputError("policy", f"must be one of {known}") from None


def _cost_of(max_cost: object) -> int | None:
    amount = _number("max_cost", max_cost, 1e9)
    return None if amount is None else microcredits_of(amount)


def _states_of(states: Any) -> frozenset[str]:
    if states is None:
        return frozenset()
    names = frozenset(names_of("where.state", states))
    for name in sorted(names - _STATES):
        raise BadInputError("where.state", f"{name!r} is none of {', '.join(sorted(_STATES))}")
    return names


def _before(age_s: object, now: datetime) -> datetime | None:
    age = _number("where.older_than_s", age_s, 10 * 365 * 86_400)
    return None if age is None else now - timedelta(seconds=age)


def _number(field: str, value: object, most: float) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
        raise BadInputError(field, f"must be a number within 0 and {most:g}")
    return float(value)
