"""The settings of answers that providers send by themselves."""

from typing import Annotated

from pydantic import Field

from enrich.settings.values import Values

__all__ = ["CallbackSettings"]

_URL = (
    r"^(https://[^/?#@\s{}]+|http://(127\.0\.0\.1|localhost)(:\d{1,5})?)(/[^?#\s{}]*[^/?#\s{}])?$"
)


class CallbackSettings(Values):
    """Where providers reach the REST interface of this installation; unset, none of them can.

    `url` is its public address, https, as the internet sees it. `providers` (comma between) names
    those that shall send their answers although they could be asked for them. A longer answer than
    `max_bytes` is refused.
    """

    url: Annotated[str, Field(pattern=_URL)] | None = None
    providers: str = ""
    max_bytes: Annotated[int, Field(ge=1_000, le=100_000_000)] = 2 * 2**20

    def chosen(self) -> frozenset[str]:
        """Give the names."""
        return frozenset(name.strip() for name in self.providers.split(",") if name.strip())
