"""Settings of the REST interface."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_core import PydanticCustomError

from enrich.settings.values import Count, Values

__all__ = ["ApiSettings"]


class ApiSettings(Values):
    """The REST interface: where it listens, whom it believes, and how much it takes.

    Signed tokens are believed when `jwt_keys` (a file with a JWK set), `jwt_issuer` and
    `jwt_audience` are all set. `requests_per_minute` is for each tenant. A body has to arrive
    within `body_seconds`. `wait_seconds` is how long a caller that waits for a result is kept
    waiting at most, and `untaken_seconds` when no worker answers by then. `secret` signs the
    cursors of lists; unset, it is made from the database's address. `metrics_token` is what
    Prometheus sends as a bearer's; unset, the interface tells its metrics only where it listens on
    loopback.
    """

    host: Annotated[str, Field(pattern=r"^[0-9A-Za-z.:_-]{1,253}$")] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65_535)] = 8000
    max_body_bytes: Annotated[int, Field(ge=1_000, le=100_000_000)] = 1_048_576
    body_seconds: Annotated[float, Field(gt=0, le=600)] = 30.0
    wait_seconds: Annotated[float, Field(ge=0, le=600)] = 180.0
    untaken_seconds: Annotated[float, Field(ge=0, le=600)] = 5.0
    requests_per_minute: Count = 60_000
    secret: SecretStr | None = None
    metrics_token: SecretStr | None = None
    jwt_keys: Path | None = None
    jwt_issuer: str | None = None
    jwt_audience: str | None = None

    @model_validator(mode="after")
    def _trusts_wholly(self) -> Self:
        given = [self.jwt_keys, self.jwt_issuer, self.jwt_audience]
        if any(given) and not all(given):
            problem = "jwt_keys, jwt_issuer and jwt_audience go together: set all three or none"
            raise PydanticCustomError("tokens", problem)
        return self
