"""Begin what was asked for by SQL: put the row's values in, and store one run for each pack.

A run is known by the first request of its pack, so that a pack which is taken up twice, because
somebody died in between, still makes one run.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from enrich.domain.run import Step
from enrich.domain.values import Json
from enrich.engine.arguments import columns_of, name_of, options_of
from enrich.engine.parts import Parts
from enrich.engine.submit import RunRequest, Submitted, submit
from enrich.errors import BadInputError, DependencyError, UsageError
from enrich.ports import Selection
from enrich.ports.requests import NewSqlRequest, SqlRequest, SqlRequests
from enrich.ports.rows import NewRow

__all__ = ["Requested", "begin_requests", "is_requested"]

log = logging.getLogger("enrich.engine")

_PREFIX = "request:"
_OPTIONS = frozenset({"force", "parallel_probes", "ensemble_fusion", "max_cost", "policy"})
#: Storing a run of so many rows takes less.
_RETAKE_S = 120.0
_MOST = 5_000
_KEPT_S = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Requested:
    """What was done about requests: how many were taken, and the first steps of their runs."""

    taken: int
    steps: tuple[Step, ...]


def begin_requests(parts: Parts, requests: SqlRequests) -> Requested:
    """Begin what waits; several who ask share it, and each request is begun once.

    What cannot be begun now, as its table is held, comes again; the others go on without it.
    """
    requests.forget(older_than_s=_KEPT_S)
    taken = requests.take(retake_s=_RETAKE_S, limit=_MOST)
    ordered = sorted(taken, key=lambda one: (one.pack, one.id))
    steps: list[Step] = []
    held: set[tuple[str, str]] = set()
    for _, members in groupby(ordered, key=lambda one: one.pack):
        together = tuple(members)
        wish = together[0].wish
        if (wish.tenant, wish.table) in held:
            continue
        try:
            # By its first, not by its pack: of a pack that died, two may take up a part each.
            steps += _begun(parts, requests, together, f"{_PREFIX}{together[0].id}")
        except DependencyError as exc:
            held.add((wish.tenant, wish.table))
            log.warning("requests.put_off", extra={"table": wish.table, "error": str(exc)})
    if taken:
        log.info("requests.begun", extra={"requests": len(taken)})
    return Requested(taken=len(taken), steps=tuple(steps))


def is_requested(reply_to: str) -> bool:
    """Say whether a run was asked for by SQL: nobody waits for its end."""
    return reply_to.startswith(_PREFIX)


def _begun(
    parts: Parts, requests: SqlRequests, members: tuple[SqlRequest, ...], reply_to: str
) -> Iterator[Step]:
    try:
        submitted = _submitted(parts, requests, members, reply_to)
    except UsageError as exc:
        if len(members) == 1:
            _settle(requests, members, run_id=None, said=str(exc))
            return
        # One of them is at fault: each for itself, so that the others go on.
        for one in members:
            yield from _begun(parts, requests, (one,), f"{reply_to}:{one.id}")
        return
    if submitted is not None:
        _settle(requests, members, run_id=submitted.run.id, said="")
        yield from submitted.steps


def _settle(
    requests: SqlRequests,
    members: Sequence[SqlRequest],
    *,
    run_id: int | None,
    said: str,
) -> None:
    ids = [one.id for one in members]
    requests.settle(members[0].wish.tenant, ids, run_id=run_id, said=said)


def _submitted(
    parts: Parts, requests: SqlRequests, members: Sequence[SqlRequest], reply_to: str
) -> Submitted | None:
    """Store their run; None when all of them were erased after they had been taken."""
    wish = members[0].wish
    tenant, table = name_of("tenant", wish.tenant), name_of("table_name", wish.table)
    known = _known(wish.options)
    waiting = requests.bring_in(tenant, table, {one.id: _new_row(one.wish) for one in members})
    keys = tuple(dict.fromkeys(one.wish.row for one in members if one.id in waiting))
    if not keys:
        return None
    return submit(
        parts,
        RunRequest(
            tenant=tenant,
            table=table,
            columns=columns_of(wish.columns or None),
            selection=Selection(keys=keys),
            options=options_of(
                known.get("force", False),
                known.get("parallel_probes", True),
                known.get("ensemble_fusion"),
                known.get("max_cost"),
                known.get("policy"),
            ),
            reply_to=reply_to,
        ),
    )


def _new_row(wish: NewSqlRequest) -> NewRow | None:
    key = name_of("row_key", wish.row)
    return None if wish.data is None else NewRow(key=key, data=wish.data)


def _known(options: Mapping[str, Json]) -> Mapping[str, Any]:
    for name in sorted(set(options) - _OPTIONS):
        raise BadInputError(f"options.{name}", "is not known", hint=f"it may hold {_listed()}")
    return options


def _listed() -> str:
    return ", ".join(sorted(_OPTIONS))
