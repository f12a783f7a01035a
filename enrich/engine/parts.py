"""What every use case is given: the ports, joined once in `enrich.bootstrap`."""

from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field

from enrich.domain.policy import (
    BudgetPolicy,
    CachePolicy,
    FusionPolicy,
    ProbePolicy,
    RunPolicy,
    SingleflightPolicy,
)
from enrich.domain.provider import ProviderSpec
from enrich.domain.run import RunOptions
from enrich.errors import UnknownNameError
from enrich.ports import (
    Breakers,
    Budgets,
    Clock,
    Governor,
    Leases,
    Provider,
    Recorder,
    ResultCache,
    RowStore,
    RunStore,
)

__all__ = ["Parts", "Policies"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Policies:
    """The settings of the engine, as values."""

    cache: CachePolicy = field(default_factory=CachePolicy)
    singleflight: SingleflightPolicy = field(default_factory=SingleflightPolicy)
    probes: ProbePolicy = field(default_factory=ProbePolicy)
    fusion: FusionPolicy = field(default_factory=FusionPolicy)
    runs: RunPolicy = field(default_factory=RunPolicy)
    budgets: BudgetPolicy = field(default_factory=BudgetPolicy)

    def fusion_for(self, options: RunOptions) -> FusionPolicy:
        """Give the fusion policy of a run: its own wish, else the settings'."""
        if options.ensemble_fusion is None:
            return self.fusion
        return FusionPolicy(
            ensemble=options.ensemble_fusion,
            agreement_threshold=self.fusion.agreement_threshold,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The ports and policies that use cases work with."""

    rows: RowStore
    runs: RunStore
    providers: Mapping[str, Provider]
    responses: ResultCache
    cells: ResultCache
    leases: Leases
    breakers: Breakers
    governor: Governor
    budgets: Budgets
    recorder: Recorder
    clock: Clock
    calls: Executor
    policies: Policies = field(default_factory=Policies)

    @property
    def specs(self) -> tuple[ProviderSpec, ...]:
        """The specifications of all providers."""
        return tuple(provider.spec for provider in self.providers.values())

    def provider(self, name: str) -> Provider:
        """Give one provider. Raises `UnknownNameError`."""
        try:
            return self.providers[name]
        except KeyError:
            raise UnknownNameError("provider", name, known=tuple(self.providers)) from None
