"""What a caller gets back about one cell."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from enrich.domain.values import Json, JsonObject

__all__ = ["CellMetadata", "CellResult"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CellMetadata:
    """How a cell's value came about. `cost` is in credits, `duration_ms` of the whole request."""

    cache_hit: bool = False
    negative_cache_hit: bool = False
    singleflight_coalesced: bool = False
    providers_tried: tuple[str, ...] = ()
    cost: float = 0.0
    duration_ms: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CellResult:
    """One cell: its value (None unless `state` is "filled" or "typed"), and how it came about.

    `state` is a `CellState` value, "typed" for a protected value of a person, or "empty".
    """

    value: Json
    confidence: float
    provider: str
    state: str
    reason: str = ""
    metadata: CellMetadata = field(default_factory=CellMetadata)

    def to_json(self) -> JsonObject:
        """Encode for the wire and the cache."""
        # Name by name: `asdict` copies every value to its last leaf, for every cell of a batch.
        out: JsonObject = {name: getattr(self, name) for name in self.__slots__}
        metadata: JsonObject = {n: getattr(self.metadata, n) for n in self.metadata.__slots__}
        metadata["providers_tried"] = list(self.metadata.providers_tried)
        out["metadata"] = metadata
        return out

    def from_cache(self, *, negative: bool, duration_ms: float) -> "CellResult":
        """Give the result as a cache hit: nobody was asked and nothing was paid this time."""
        metadata = CellMetadata(
            cache_hit=True,
            negative_cache_hit=negative,
            duration_ms=round(duration_ms, 3),
        )
        # Built field by field: `replace` takes twice as long, and this is the way of every hit.
        return CellResult(
            value=self.value,
            confidence=self.confidence,
            provider=self.provider,
            state=self.state,
            reason=self.reason,
            metadata=metadata,
        )

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> "CellResult":
        """Decode what `to_json` made. Raises `KeyError` or `TypeError` for anything else."""
        metadata = dict(raw["metadata"])
        metadata["providers_tried"] = tuple(metadata["providers_tried"])
        return cls(**{**raw, "metadata": CellMetadata(**metadata)})
