"""The groups of settings about an installation: its broker, log, keys and providers."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, SecretStr

from enrich.settings.values import Flag, Places, Values

__all__ = ["BrokerSettings", "KeyringSettings", "LogSettings", "ProviderSettings"]


class LogSettings(Values):
    """What is logged, and whether as JSON; unset, JSON unless a person watches."""

    level: Annotated[
        Literal["DEBUG", "INFO", "WARNING", "ERROR"], BeforeValidator(lambda v: str(v).upper())
    ] = "INFO"
    as_json: Flag | None = Field(default=None, alias="json")


class BrokerSettings(Values):
    """Where messages wait, when not at `REDIS_URL`: a broker must never evict, a cache may.

    `transport` is how workers take them: `atomic` loses none when a worker is killed and needs
    Redis 7 or Valkey, `stock` is Kombu's own. A longer message than `max_message_bytes` is not
    sent. One that does not answer within `patience_seconds` is away: the REST interface refuses
    work with 503 then, and stores nothing of it.
    """

    url: SecretStr | None = None
    transport: Literal["atomic", "stock"] = "atomic"
    max_message_bytes: Annotated[int, Field(ge=4_096, le=64 * 2**20)] = 256 * 1024
    patience_seconds: Annotated[float, Field(gt=0, le=60)] = 1.0


class KeyringSettings(Values):
    """What the keys of providers are sealed with in the database, the newest first.

    `keys` has spaces or commas between them, `file` names a file with one a line. With neither, and
    an embedded database, a file under the home is made when it is first needed.
    """

    keys: SecretStr | None = None
    file: Path | None = None


class ProviderSettings(Values):
    """Who may be asked: those named (comma between), else all; the simulated only on request.

    `modules` adds providers of other packages: functions that give one each. `catalogue` adds those
    that are asked over the network, as far as they have the keys that they need; some of them
    demand a `contact`, an address to write to about our calls. With `base_url` (of loopback only)
    all of them are asked there, as `enrich simulate` serves them. `directory` adds providers of
    your own: a folder with a TOML file each.
    """

    names: str | None = None
    simulated: Flag = False
    modules: Places = ()
    catalogue: Flag = False
    directory: Path | None = None
    contact: Annotated[str, Field(pattern=r"^[ -~]{3,100}$")] | None = None
    base_url: Annotated[str, Field(pattern=r"^http://(127\.0\.0\.1|localhost):\d{1,5}$")] | None = (
        None
    )

    def chosen(self) -> tuple[str, ...] | None:
        """Give the names, or None for all."""
        if self.names is None:
            return None
        return tuple(name.strip() for name in self.names.split(",") if name.strip())
