"""Forms in which two values that mean the same are equal, and how alike two others are."""

from enrich.domain.normalise.country_names import country_code
from enrich.domain.normalise.infer import inferred_context, inferred_normaliser, inferred_type
from enrich.domain.normalise.model import (
    Context,
    Likeness,
    Normalised,
    Normaliser,
    Relation,
)
from enrich.domain.normalise.registry import ANYWHERE, normaliser_of, normaliser_of_field
from enrich.domain.normalise.scales import rescaled, scales_of
from enrich.domain.normalise.text import canonical

__all__ = [
    "ANYWHERE",
    "Context",
    "Likeness",
    "Normalised",
    "Normaliser",
    "Relation",
    "canonical",
    "country_code",
    "inferred_context",
    "inferred_normaliser",
    "inferred_type",
    "normaliser_of",
    "normaliser_of_field",
    "rescaled",
    "scales_of",
]
