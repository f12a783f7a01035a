"""Embeddings: who makes them, and where they lie."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from enrich.domain.table import Column, Row
from enrich.domain.values import Json, JsonObject

__all__ = [
    "Embedder",
    "Embedders",
    "EmbeddingModel",
    "Hit",
    "NewVector",
    "Unembedded",
    "Vector",
    "VectorStore",
]

Vector = Sequence[float]


class Embedder(Protocol):
    """Turns text into vectors of one length, by one model."""

    def embed(self, texts: Sequence[str]) -> Sequence[Vector]:
        """Give a vector for each text, in order. Raises `EmbedderDownError`."""
        ...


class Embedders(Protocol):
    """Embedders by the name of their model."""

    @property
    def wanted(self) -> str:
        """The model that the settings name."""
        ...

    def get(self, model: str) -> Embedder:
        """Give the embedder of a model, past ones included."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingModel:
    """A model that vectors are kept of. `state`: building, active (searched) or retired."""

    id: int
    name: str
    dimension: int
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unembedded:
    """A row whose vector is lacking or older than the row; `text_hash` is that of the old one.

    The row comes without its provenance.
    """

    tenant: str
    table: str
    row: Row
    columns: tuple[Column, ...]
    version: int
    text_hash: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewVector:
    """A vector to be kept; without one the text is as it was, and only the version changes."""

    row: int
    version: int
    text_hash: str
    vector: Vector | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A row that was found; `score` is the cosine of the angle, 1 for the same direction."""

    key: str
    score: float
    data: JsonObject


class VectorStore(Protocol):
    """Vectors by model, each model's apart. A row that goes takes its vectors with it."""

    def models(self) -> tuple[EmbeddingModel, ...]:
        """List the models, the active one first."""
        ...

    def add_model(self, name: str, dimension: int) -> EmbeddingModel:
        """Give a model, made when it is new; the first of all is active at once.

        Raises:
            VectorsMissingError: the database has no extension `vector`.
            BadInputError: it is there with another dimension.
        """
        ...

    def lacking(
        self,
        model: EmbeddingModel,
        tables: Sequence[str],
        *,
        rows: Sequence[int] | None = None,
        limit: int = 64,
    ) -> Sequence[Unembedded]:
        """Give rows of these tables whose vector is lacking or old; all, or of those."""
        ...

    def put(self, model: EmbeddingModel, vectors: Sequence[NewVector]) -> int:
        """Keep vectors of rows that are there; an older version never replaces a newer one."""
        ...

    def activate(self, model: EmbeddingModel, tables: Sequence[str]) -> bool:
        """Search a model from now on if no row lacks its vector; the one before is retired."""
        ...

    def drop_retired(self, *, older_than_s: float) -> Sequence[str]:
        """Remove the vectors of models that were retired longer ago; gives their names."""
        ...

    def search(
        self,
        model: EmbeddingModel,
        vector: Vector,
        *,
        tenant: str,
        table: str,
        where: Mapping[str, Json],
        limit: int,
    ) -> Sequence[Hit]:
        """Give a tenant's nearest rows whose columns equal `where`. Raises `UnknownNameError`."""
        ...

    def counts(self, model: EmbeddingModel, tables: Sequence[str]) -> tuple[int, int]:
        """Give how many rows have a vector, and how many lack one or have an old one."""
        ...
