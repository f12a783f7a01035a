"""Settings: read once from the environment, checked as a whole, turned into policies.

`DATABASE_URL`, `REDIS_URL`, `ENRICH_HOME` and `ENRICH_PRODUCTION` have names of their own; every
other one is `ENRICH_<GROUP>__<NAME>`. A variable that is set to nothing counts as unset. The
defaults are those of the policies, so that each is written down once.

The keys of providers are `ENRICH_CREDENTIALS__<NAME>`, where the name is what a provider's file
calls its credential: one key, or several with spaces between, or `file:/path` of a file with a key
a line. `ENRICH_CREDENTIALS__<NAME>__<TENANT>` is one tenant's own. They are for whoever has none in
the database (`enrich credentials add`).
"""

import os
from collections.abc import Mapping
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import parse_qs, unquote, urlsplit

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from enrich.errors import SettingsError
from enrich.settings.api import ApiSettings
from enrich.settings.callbacks import CallbackSettings
from enrich.settings.embeddings import EmbeddingSettings
from enrich.settings.environment import EnvironmentSource, checked
from enrich.settings.flower import FlowerSettings, is_loopback
from enrich.settings.gather import GatherSettings
from enrich.settings.groups import (
    BreakerSettings,
    BudgetSettings,
    CacheSettings,
    FusionSettings,
    ProbeSettings,
    RunSettings,
    SelectionSettings,
    SingleflightSettings,
)
from enrich.settings.installation import (
    BrokerSettings,
    KeyringSettings,
    LogSettings,
    ProviderSettings,
)
from enrich.settings.jobs import JobSettings
from enrich.settings.llm import LlmSettings
from enrich.settings.monitoring import MonitoringSettings
from enrich.settings.traces import TraceSettings
from enrich.settings.values import Flag
from enrich.settings.webhooks import WebhookSettings

__all__ = [
    "ApiSettings",
    "BreakerSettings",
    "BrokerSettings",
    "BudgetSettings",
    "CacheSettings",
    "CallbackSettings",
    "EmbeddingSettings",
    "FlowerSettings",
    "FusionSettings",
    "GatherSettings",
    "JobSettings",
    "KeyringSettings",
    "LlmSettings",
    "LogSettings",
    "MonitoringSettings",
    "ProbeSettings",
    "ProviderSettings",
    "RunSettings",
    "SelectionSettings",
    "Settings",
    "SingleflightSettings",
    "TraceSettings",
    "WebhookSettings",
    "is_loopback",
    "load_settings",
]

_DATABASE_SCHEMES: Final = frozenset({"postgres", "postgresql", "postgresql+psycopg2"})
_REDIS_SCHEMES: Final = frozenset({"redis", "rediss", "unix"})
#: What stands for the environment while settings are read; None for the process's own.
_environment: ContextVar[Mapping[str, str] | None] = ContextVar("environment", default=None)
_SHARED_BROKER: Final = "the broker and the cache share one Redis database"


class Settings(BaseSettings):
    """All settings. An address that is None means an embedded server under `home`."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, hide_input_in_errors=True
    )

    database_url: SecretStr | None = None
    redis_url: SecretStr | None = None
    home: Path = Path(".enrich")
    production: Flag = False
    cache: CacheSettings = CacheSettings()
    singleflight: SingleflightSettings = SingleflightSettings()
    probes: ProbeSettings = ProbeSettings()
    providers: ProviderSettings = ProviderSettings()
    fusion: FusionSettings = FusionSettings()
    breaker: BreakerSettings = BreakerSettings()
    runs: RunSettings = RunSettings()
    selection: SelectionSettings = SelectionSettings()
    api: ApiSettings = ApiSettings()
    broker: BrokerSettings = BrokerSettings()
    budgets: BudgetSettings = BudgetSettings()
    log: LogSettings = LogSettings()
    keyring: KeyringSettings = KeyringSettings()
    llm: LlmSettings = LlmSettings()
    flower: FlowerSettings = FlowerSettings()
    embeddings: EmbeddingSettings = EmbeddingSettings()
    jobs: JobSettings = JobSettings()
    gather: GatherSettings = GatherSettings()
    webhooks: WebhookSettings = WebhookSettings()
    callbacks: CallbackSettings = CallbackSettings()
    traces: TraceSettings = TraceSettings()
    monitoring: MonitoringSettings = MonitoringSettings()
    credentials: dict[str, SecretStr] = Field(default_factory=dict)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        *_others: Any,
        **_more: Any,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read our own source of the environment and nothing else."""
        return (EnvironmentSource(settings_cls, _read_now()),)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        _check_address("DATABASE_URL", self.database_url, _DATABASE_SCHEMES, "postgresql")
        _check_address("REDIS_URL", self.redis_url, _REDIS_SCHEMES, "redis")
        _check_address("ENRICH_BROKER__URL", self.broker.url, _REDIS_SCHEMES, "redis")
        self._check_leases()
        if self.production:
            self._check_production()
        return self

    @property
    def broker_url(self) -> SecretStr | None:
        """Where messages wait: its own address, else `REDIS_URL`, else None for embedded."""
        return self.broker.url or self.redis_url

    def warnings(self) -> tuple[str, ...]:
        """Say what works but should not stay so; each one a sentence for the log."""
        return (_SHARED_BROKER,) if self._shares_broker() else ()

    def secrets(self) -> tuple[str, ...]:
        """Give the passwords among the addresses, and the keys, for a log to hide."""
        urls = (self.database_url, self.redis_url, self.broker.url)
        passwords = {urlsplit(url.get_secret_value()).password for url in urls if url}
        keys = (
            key for each in self.credentials.values() for key in each.get_secret_value().split()
        )
        ring = self.keyring.keys.get_secret_value() if self.keyring.keys else ""
        given = (self.api.secret, self.api.metrics_token, self.flower.basic_auth)
        whole = {secret.get_secret_value() for secret in given if secret}
        pairs = self.flower.basic_auth.get_secret_value() if self.flower.basic_auth else ""
        whole |= {pair.partition(":")[2] for pair in pairs.split(",") if pair}
        known = {word for word in passwords if word}.union(
            keys, whole, ring.replace(",", " ").split()
        )
        return tuple(sorted(known | {unquote(word) for word in known}))

    def _shares_broker(self) -> bool:
        return self.redis_url is not None and self.broker_url == self.redis_url

    def _check_leases(self) -> None:
        # What is held while a provider is asked must not run out before the answer is due.
        held = {
            "ENRICH_SINGLEFLIGHT__LEASE_SECONDS": self.singleflight.lease_seconds,
            "ENRICH_BREAKER__PERMIT_SECONDS": self.breaker.permit_seconds,
            "ENRICH_RUNS__LEASE_SECONDS": self.runs.lease_seconds,
        }
        probe_s = self.probes.timeout_seconds
        for name, value_s in held.items():
            if value_s < probe_s:
                raise SettingsError(
                    name,
                    f"{value_s:g} s is shorter than a probe may take ({probe_s:g} s)",
                    hint=f"raise it, or lower ENRICH_PROBES__TIMEOUT_SECONDS to {value_s:g}",
                )

    def _check_production(self) -> None:
        for name, url in (("DATABASE_URL", self.database_url), ("REDIS_URL", self.redis_url)):
            if url is None:
                raise SettingsError(
                    name,
                    "is not set, and embedded servers are not for production",
                    hint="set it, or unset ENRICH_PRODUCTION",
                )
        if self._shares_broker():
            raise SettingsError(
                "ENRICH_BROKER__URL",
                _SHARED_BROKER,
                hint="set it to another server or database",
            )


def _read_now() -> Mapping[str, str]:
    given = _environment.get()
    return os.environ if given is None else given


def load_settings(env: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from `env`, by default from the process's environment.

    Raises:
        SettingsError: a name is unknown or a value is wrong; says which, and the way out.
    """
    read = os.environ if env is None else env
    before = _environment.set(read)
    try:
        return checked(Settings, read)
    finally:
        _environment.reset(before)


def _check_address(
    name: str, secret: SecretStr | None, schemes: frozenset[str], usual: str
) -> None:
    # The value is never quoted: what is malformed may well be a password.
    if secret is None:
        return
    try:
        parts = urlsplit(secret.get_secret_value())
        is_whole = parts.scheme in schemes and bool(parts.netloc or parts.path) and parts.port != 0
    except ValueError:
        is_whole = False
        parts = urlsplit("")
    if not is_whole:
        example = f"{usual}://user:password@host/…"
        raise SettingsError(name, "is not an address of the right kind", hint=f"write {example}")
    if parts.scheme == "rediss" and not _demands_certificate(parts.query):
        raise SettingsError(
            name, "does not demand a certificate", hint="add ?ssl_cert_reqs=required to it"
        )


def _demands_certificate(query: str) -> bool:
    wish = parse_qs(query).get("ssl_cert_reqs", [""])[-1]
    return wish.lower() in {"required", "cert_required"}
