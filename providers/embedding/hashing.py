"""Vectors of spellings: words and their pieces, counted into 256 places by their hash.

No model and no data: what shares words and parts of words is near. It knows no meaning: «doctor»
is far from «physician». Equal text gives equal vectors on every machine.
"""

import math
import re
import unicodedata
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence

from enrich.ports.vectors import Vector

__all__ = ["HASHING", "HashingEmbedder"]

#: The name of the model, as it is stored beside its vectors.
HASHING = "hashing-256"
_DIMENSION = 256
_WORD = re.compile(r"\w+")
_PIECES = (3, 4)
#: A whole word says more than its pieces, of which there are many.
_WORD_WEIGHT = 2.0


class HashingEmbedder:
    """The port `Embedder` by hashing; never fails, and asks nobody."""

    def embed(self, texts: Sequence[str]) -> Sequence[Vector]:
        """Give a vector of length 1 for each text; text without words gives the first axis."""
        return [_vector(text) for text in texts]


def _vector(text: str) -> Vector:
    counts = Counter(_features(text))
    vector = [0.0] * _DIMENSION
    for feature, count in counts.items():
        hashed = zlib.crc32(feature.encode("utf-8", "replace"))
        # A sign of its own for each feature: those that share a place cancel out on average.
        sign = 1.0 if hashed & 0x8000_0000 else -1.0
        weight = _WORD_WEIGHT if feature[0] == " " else 1.0
        vector[hashed % _DIMENSION] += sign * weight * (1.0 + math.log(count))
    length = math.hypot(*vector)
    if length == 0.0:
        vector[0] = length = 1.0
    return [number / length for number in vector]


def _features(text: str) -> Iterator[str]:
    folded = unicodedata.normalize("NFKD", text).casefold()
    for word in _WORD.findall("".join(c for c in folded if not unicodedata.combining(c))):
        yield f" {word}"
        framed = f"<{word}>"
        for size in _PIECES:
            for start in range(len(framed) - size + 1):
                yield framed[start : start + size]
