"""Settings of Flower, and the rule for whatever listens beyond this machine."""

from typing import Annotated, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_core import PydanticCustomError

from enrich.settings.values import Values

__all__ = ["FlowerSettings", "is_loopback"]

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


def is_loopback(host: str) -> bool:
    """Say whether only this machine reaches what listens there."""
    return host in _LOOPBACK


class FlowerSettings(Values):
    """Where Flower listens, as `enrich up` starts it.

    `basic_auth` is `name:password`, with commas between several. Off loopback it is demanded:
    whoever reaches Flower sees all tasks, and may send some.
    """

    host: Annotated[str, Field(pattern=r"^[0-9A-Za-z.:_-]{1,253}$")] = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65_535)] = 5555
    basic_auth: SecretStr | None = None

    @model_validator(mode="after")
    def _is_guarded(self) -> Self:
        given = self.basic_auth.get_secret_value() if self.basic_auth else ""
        if given and not all(all(pair.partition(":")[::2]) for pair in given.split(",")):
            raise PydanticCustomError("flower", "basic_auth must be name:password")
        if not given and not is_loopback(self.host):
            problem = "host is not loopback, so basic_auth must be set: name:password"
            raise PydanticCustomError("flower", problem)
        return self
