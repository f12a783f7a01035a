"""Embed rows, and find them again by meaning.

While the settings name another model than the one that is searched, rows get a vector of each; the
new one is searched from the moment when no row lacks its vector.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from enrich.domain.keys import digest
from enrich.domain.profile import profile_text
from enrich.domain.values import Json
from enrich.engine.desk import Desk
from enrich.errors import DependencyError, EmbedderDownError, VectorsMissingError
from enrich.ports.vectors import EmbeddingModel, Hit, NewVector, Unembedded, Vector

__all__ = ["Embedded", "Found", "Repaired", "embed_rows", "repair", "search"]

log = logging.getLogger("enrich.engine")

_PORTION = 64
#: Searches that began with a model may go on for that long after another has taken its place.
_RETIRED_S = 3_600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedded:
    """Whether rows have their vectors now; if not, why."""

    upserted: bool
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Repaired:
    """What a repair did; `left` rows still lack a vector of the model that the settings name."""

    embedded: int = 0
    left: int = 0
    activated: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The nearest rows, and the model that said so."""

    model: str
    hits: tuple[Hit, ...] = ()


def embed_rows(desk: Desk, rows: Sequence[int]) -> Embedded:
    """Give rows the vectors that they lack. That it cannot be done now is an answer, no error."""
    if not desk.policy.embedded_tables:
        return Embedded(upserted=False, reason="embeddings are switched off")
    if not rows:
        return Embedded(upserted=True)
    tables = desk.policy.embedded_tables
    lacking = partial(desk.vectors.lacking, tables=tables, rows=rows, limit=len(rows))
    reason = _with_each(desk, lambda model: _embed(desk, model, lacking(model)))
    if reason:
        desk.parts.recorder.count("embeddings_skipped", len(rows))
    return Embedded(upserted=not reason, reason=reason)


def repair(desk: Desk, *, most: int = 2_000) -> Repaired:
    """Embed rows that lack a vector or changed since, up to `most` for each model.

    Ends a change of models when nothing is left to do. A model that does not answer ends the
    repair, with its reason; the next one goes on.
    """
    tables = desk.policy.embedded_tables
    if not tables:
        return Repaired(reason="embeddings are switched off")
    done: list[int] = []
    reason = _with_each(desk, lambda model: done.append(_catch_up(desk, model, most)))
    if reason:
        return Repaired(embedded=sum(done), left=_left(desk), reason=reason)
    activated = _switch(desk)
    for name in desk.vectors.drop_retired(older_than_s=_RETIRED_S):
        log.info("embeddings.dropped", extra={"model": name})
    return Repaired(embedded=sum(done), left=_left(desk), activated=activated)


def search(
    desk: Desk, tenant: str, table: str, sentence: str, *, where: Mapping[str, Json], limit: int
) -> Found:
    """Find a tenant's rows that are nearest to a sentence.

    Raises:
        UnknownNameError: there is no such table, or no such column in `where`.
        EmbedderDownError: the model does not answer.
    """
    models = desk.vectors.models()
    if not models or models[0].state != "active":
        desk.parts.rows.table(tenant, table)
        return Found(model="")
    model = models[0]
    (vector,) = _vectors(desk, model, [sentence])
    hits = desk.vectors.search(model, vector, tenant=tenant, table=table, where=where, limit=limit)
    return Found(model=model.name, hits=tuple(hits))


def _with_each(desk: Desk, work: Callable[[EmbeddingModel], object]) -> str:
    """Do it with the model that is searched and the one that the settings name, made if it is new.

    One that does not answer keeps nobody from the other. Gives why it was not done, or nothing.
    """
    reasons = []
    known = {model.name: model for model in desk.vectors.models()}
    active = [model.name for model in known.values() if model.state == "active"]
    for name in dict.fromkeys([*active, desk.embedders.wanted]):
        try:
            model = known.get(name)
            if model is None or model.state == "retired":
                model = _made(desk, name)
            work(model)
        except (EmbedderDownError, VectorsMissingError) as exc:
            reasons.append(str(exc))
    return "; ".join(reasons)


def _made(desk: Desk, name: str) -> EmbeddingModel:
    # How many numbers a model gives is known when it has given some.
    (vector,) = desk.embedders.get(name).embed(["how long is this vector"])
    return desk.vectors.add_model(name, len(vector))


def _vectors(desk: Desk, model: EmbeddingModel, texts: Sequence[str]) -> Sequence[Vector]:
    """Have texts embedded by a model. Raises `EmbedderDownError`, also for another dimension."""
    vectors = desk.embedders.get(model.name).embed(texts)
    for vector in vectors:
        if len(vector) != model.dimension:
            problem = f"gives {len(vector)} numbers now, and gave {model.dimension}"
            raise EmbedderDownError(
                f"the embedding model {model.name!r} {problem}; "
                "one that has changed needs another name in ENRICH_EMBEDDINGS__MODEL"
            )
    return vectors


def _embed(desk: Desk, model: EmbeddingModel, rows: Sequence[Unembedded]) -> int:
    """Embed rows whose text is another than before; of the others only the version changes."""
    if not rows:
        return 0
    texts = [profile_text(each.row.data, each.columns) or each.row.key for each in rows]
    hashes = [digest((text,)) for text in texts]
    changed = [place for place, each in enumerate(rows) if each.text_hash != hashes[place]]
    vectors = _vectors(desk, model, [texts[place] for place in changed])
    by_place = dict(zip(changed, vectors, strict=True))
    new = [
        NewVector(
            row=each.row.id,
            version=each.version,
            text_hash=hashes[place],
            vector=by_place.get(place),
        )
        for place, each in enumerate(rows)
    ]
    desk.parts.recorder.count("rows_embedded", len(changed))
    desk.vectors.put(model, new)
    return len(rows)


def _catch_up(desk: Desk, model: EmbeddingModel, most: int) -> int:
    done = 0
    while done < most:
        rows = desk.vectors.lacking(model, desk.policy.embedded_tables, limit=_PORTION)
        if not rows:
            break
        done += _embed(desk, model, rows)
    return done


def _switch(desk: Desk) -> bool:
    wanted = next(m for m in desk.vectors.models() if m.name == desk.embedders.wanted)
    if wanted.state != "building":
        return False
    activated = desk.vectors.activate(wanted, desk.policy.embedded_tables)
    if activated:
        log.info("embeddings.activated", extra={"model": wanted.name})
    return activated


def _left(desk: Desk) -> int:
    try:
        known = {model.name: model for model in desk.vectors.models()}
        model = known.get(desk.embedders.wanted)
        return desk.vectors.counts(model, desk.policy.embedded_tables)[1] if model else 0
    except DependencyError:
        return 0
