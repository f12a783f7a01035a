"""Forms in which two values that mean the same are equal, and how alike two others are."""

from enrich.domain.normalise.model import (
    Context,
    Likeness,
    Normalised,
    Normaliser,
    Relation,
)
from enrich.domain.normalise.registry import normaliser_of, normaliser_of_field
from enrich.domain.normalise.text import canonical

__all__ = [
    "Context",
    "Likeness",
    "Normalised",
    "Normaliser",
    "Relation",
    "canonical",
    "normaliser_of",
    "normaliser_of_field",
]
