"""Row data on their way into a prompt: as JSON that nothing in them can end or leave. Pure.

Signs that no reader sees are taken out, because they carry instructions that nobody notices; `<`,
`>` and `&` are written as escapes, so that no text can look like the frame that stands around it.
"""

import json
import re
from collections.abc import Mapping

from enrich.domain.values import Json, JsonObject

__all__ = ["SOURCE_CHARS_MAX", "framed_bytes", "framed_json", "source_text"]

#: Of one cell; what is behind is not sent, and does not count as a source.
SOURCE_CHARS_MAX = 8_000
_SPACES = re.compile(r"[\t\r\n\f\v\x85\u2028\u2029]+")
_UNSEEN = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    r"\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
    r"\U000e0000-\U000e0fff\ud800-\udfff]"
)
_ESCAPES = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})


def source_text(value: Json) -> str:
    """Give a cell as the text that is sent: cleaned, and cut where it is too long."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    # Cut first: what is cleaned is bounded then.
    return _UNSEEN.sub("", _SPACES.sub(" ", text[:SOURCE_CHARS_MAX])).strip()


def framed_json(inputs: Mapping[str, Json]) -> str:
    """Give inputs as one line of JSON, numbers and truth values as such, the rest as text."""
    kept: JsonObject = {
        source_text(name): value if isinstance(value, bool | int | float) else source_text(value)
        for name, value in sorted(inputs.items())
    }
    return json.dumps(kept, ensure_ascii=False).translate(_ESCAPES)


def framed_bytes(inputs: Mapping[str, Json]) -> int:
    """Say how many bytes that line has."""
    return len(framed_json(inputs).encode())
