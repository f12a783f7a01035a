"""Forms in which two values that mean the same are equal."""

from enrich.domain.normalise.text import canonical

__all__ = ["canonical"]
