"""A value that nothing shows by accident."""

import hmac
from typing import NoReturn

__all__ = ["Secret"]


class Secret:
    """A key or password: compared, hashed and revealed on purpose; never shown, never pickled.

    JSON encoders refuse it, because they do not know it: that is meant.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        """Keep the value."""
        self._value = value

    def reveal(self) -> str:
        """Give the value, to be sent to whom it is for."""
        return self._value

    def __repr__(self) -> str:
        return "***"

    def __format__(self, _spec: str) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._value.encode(), other._value.encode())

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret does not travel")
