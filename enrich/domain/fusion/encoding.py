"""Trust states to JSON and back: the same state always gives the same text."""

from collections.abc import Mapping
from typing import Any

from enrich.domain.fusion.habits import habits_from_json, habits_to_json
from enrich.domain.fusion.notations import notations_from_json, notations_to_json
from enrich.domain.fusion.trust import FieldTrust, Tally, TrustState
from enrich.domain.values import JsonObject

__all__ = ["trust_from_json", "trust_to_json"]

#: Of what is written; a reader of a newer form than its own refuses it.
_FORM = 1


def trust_to_json(state: TrustState) -> JsonObject:
    """Encode a state, names in their order."""
    return {
        "form": _FORM,
        "version": state.version,
        "labels": state.labels,
        "cells": state.cells,
        "fields": {name: _field_to_json(one) for name, one in sorted(state.fields.items())},
        "providers": _tallies_to_json(state.providers),
        "bins": {name: [*nats] for name, nats in sorted(state.bins.items())},
        "families": {**dict(sorted(state.families.items()))},
        "habits": habits_to_json(state.habits),
    }


def trust_from_json(raw: object) -> TrustState:
    """Decode what `trust_to_json` made. Raises `ValueError` for anything else."""
    if not isinstance(raw, Mapping) or raw.get("form") != _FORM:
        msg = f"it is no trust state of form {_FORM}"
        raise ValueError(msg)
    try:
        return TrustState(
            version=int(raw["version"]),
            labels=float(raw["labels"]),
            cells=int(raw["cells"]),
            fields={name: _field_from_json(one) for name, one in raw["fields"].items()},
            providers=_tallies_from_json(raw["providers"]),
            bins={name: tuple(map(float, nats)) for name, nats in raw["bins"].items()},
            families={name: str(family) for name, family in raw["families"].items()},
            habits=habits_from_json(raw.get("habits", {})),
        )
    except (KeyError, TypeError, AttributeError) as exc:
        msg = f"it lacks something or holds a wrong type ({type(exc).__name__}: {exc})"
        raise ValueError(msg) from exc


def _field_to_json(one: FieldTrust) -> JsonObject:
    return {
        "tallies": _tallies_to_json(one.tallies),
        "shifts": {**dict(sorted(one.shifts.items()))},
        "spread": one.spread,
        "scale": one.scale,
        "none": one.none,
        "sharpness": one.sharpness,
        "knots": [[x, y] for x, y in one.knots],
        "confusion": {
            name: {truth: {**said} for truth, said in table.items()}
            for name, table in sorted(one.confusion.items())
        },
        "priors": {**one.priors},
        "labels": one.labels,
        "notations": notations_to_json(one.notations),
    }


def _field_from_json(raw: Mapping[str, Any]) -> FieldTrust:
    return FieldTrust(
        tallies=_tallies_from_json(raw["tallies"]),
        shifts=dict(raw["shifts"]),
        spread=float(raw["spread"]),
        scale=float(raw["scale"]),
        none=None if raw["none"] is None else float(raw["none"]),
        sharpness=float(raw["sharpness"]),
        knots=tuple((float(x), float(y)) for x, y in raw["knots"]),
        confusion=raw["confusion"],
        priors=raw["priors"],
        labels=float(raw["labels"]),
        notations=notations_from_json(raw.get("notations", {})),
    )


def _tallies_to_json(tallies: Mapping[str, Tally]) -> JsonObject:
    return {name: [one.right, one.wrong] for name, one in sorted(tallies.items())}


def _tallies_from_json(raw: Mapping[str, Any]) -> dict[str, Tally]:
    return {name: Tally(float(right), float(wrong)) for name, (right, wrong) in raw.items()}
