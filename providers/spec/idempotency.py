"""How a provider knows a repeated call: by a key that travels with it, or that it is asked by."""

from typing import Self

from pydantic import model_validator

from providers.spec.model import HeaderName, Request
from providers.spec.parts import Part

__all__ = ["Idempotency"]


class Idempotency(Part):
    """What a paid call's key is good for; without either it is not sent.

    A call that comes again with the same `header` is made and charged once. `lookup` asks what came
    of a call, by its key `{$call}`: a status of `unknown` says that the provider never got it, any
    other reply is read like an answer.
    """

    header: HeaderName | None = None
    lookup: Request | None = None
    unknown: tuple[int, ...] = (404,)

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.header is None and self.lookup is None:
            raise ValueError("[idempotency] needs a header or a lookup; leave it out without both")
        return self
