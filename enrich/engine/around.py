"""A provider that stands before another, and passes on who that is and what it is asked with."""

from enrich.domain.provider import ProviderSpec
from enrich.ports import Keyed, Provider

__all__ = ["Around"]


class Around:
    """Is the provider to whoever asks; what asking means is said by the class that stands there."""

    _provider: Provider

    @property
    def spec(self) -> ProviderSpec:
        """That of the provider."""
        return self._provider.spec

    def credential_id(self, tenant: str) -> str:
        """Name what the provider is asked with; empty when it is asked with nothing."""
        inner = self._provider
        return inner.credential_id(tenant) if isinstance(inner, Keyed) else ""

    def key_count(self, tenant: str) -> int:
        """Count the provider's keys."""
        inner = self._provider
        return inner.key_count(tenant) if isinstance(inner, Keyed) else 0
