"""Learn whom to trust: from labelled cells, and from agreement where there are no labels.

The same evidence gives the same state; what is learned is a value (`TrustState`) that fusion uses.
"""

from enrich.domain.learning.changes import since_changes
from enrich.domain.learning.evidence import Evidence
from enrich.domain.learning.learn import learn

__all__ = ["Evidence", "learn", "since_changes"]
