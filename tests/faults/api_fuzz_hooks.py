"""What schemathesis checks beside its own: loaded by it, and by nobody else.

A request that fits the OpenAPI may still be refused for what no schema can say. These are all the
reasons for that; any other refusal of what fits is a fault of the document or of the service.
"""

import json
from typing import Any

import schemathesis

#: By the place of the value at fault.
_PLACES = {
    "/query/cursor": "signed: only one that was given is one",
    "/body/url": "must be of a public host, which only looking it up tells",
    "/body/payload": "keys must be printable and mean something",
    "/body/value": "left out, it is the cell's own, and the cell may be empty",
}
#: By what the sentence says.
_SENTENCES = (
    "there is no column",  # names of columns are data
    "there is no field",
    "must hold no NUL character",  # inside of values of any shape
    "must hold no lone surrogate",
    "has no column to enrich",
    "half_open cannot be held",
    "the idempotency key was sent before with another body",
)


@schemathesis.check
def what_fits_is_refused_for_a_known_reason(
    ctx: schemathesis.CheckContext, response: schemathesis.Response, case: schemathesis.Case
) -> None:
    """Hold 422 to the reasons above."""
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    if response.status_code != 422:
        return
    problem: dict[str, Any] = json.loads(response.content)
    places = {fault["pointer"] for fault in problem.get("errors", ())}
    if places & _PLACES.keys() or any(words in problem["detail"] for words in _SENTENCES):
        return
    raise AssertionError(f"refused though it fits the schema: {problem['detail']}")
