"""What every use case is given: the ports, joined once in `enrich.bootstrap`."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace

from enrich.domain.policy import (
    BudgetPolicy,
    CachePolicy,
    FusionMethod,
    FusionPolicy,
    ProbePolicy,
    RunPolicy,
    SelectionPolicy,
    SingleflightPolicy,
)
from enrich.domain.provider import ProviderSpec
from enrich.domain.run import Order, RunOptions, RunView
from enrich.domain.table import Column
from enrich.engine.hedges import Hedges
from enrich.engine.trustbook import TrustBook
from enrich.errors import UnknownNameError
from enrich.ports import (
    Breakers,
    Budgets,
    Clock,
    Governor,
    Leases,
    PaidCalls,
    Prompter,
    Provider,
    Recorder,
    ResultCache,
    RowStore,
    RunStore,
)
from enrich.ports.callbacks import Callbacks
from enrich.ports.tracing import NO_TRACES, Tracer

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
    selection: SelectionPolicy = field(default_factory=SelectionPolicy)

    @property
    def by_worth(self) -> FusionPolicy:
        """The fusion policy of adaptive runs: by what was learned, unless another was chosen."""
        if self.fusion.method is FusionMethod.BEST:
            return replace(self.fusion, method=FusionMethod.LEARNED)
        return self.fusion

    def fusion_for(self, options: RunOptions) -> FusionPolicy:
        """Give the fusion policy of a run: its own wish, else the settings'.

        An adaptive run weighs by what was learned, unless another way was chosen.
        """
        if options.ensemble_fusion is None:
            return self.by_worth if options.order is Order.ADAPTIVE else self.fusion
        method = FusionMethod.ENSEMBLE if options.ensemble_fusion else FusionMethod.BEST
        return replace(self.fusion, method=method, pinned=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The ports and policies that use cases work with."""

    rows: RowStore
    runs: RunStore
    paid: PaidCalls
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
    callbacks: Callbacks | None = None
    trust: TrustBook | None = None
    hedges: Hedges = field(default_factory=Hedges)
    prompter: Prompter | None = None
    tracer: Tracer = NO_TRACES
    #: Whether it is worth planning to ask a provider by its name; it may change at any time.
    is_ready: Callable[[str], bool] = field(default=lambda _name: True)

    def fusion_of(self, run: RunView) -> FusionPolicy:
        """Give a run's fusion policy, with what has been learned where a column needs it."""
        policy = self.policies.fusion_for(run.options)
        methods = {policy.for_column(column).method for column in run.wanted_columns}
        if self.trust is None or FusionMethod.LEARNED not in methods:
            return policy
        return replace(policy, judge=self.trust.judge(run.tenant))

    @property
    def specs(self) -> tuple[ProviderSpec, ...]:
        """The specifications of all providers that are ready; the others can still be asked."""
        ready = ((name, one) for name, one in self.providers.items() if self.is_ready(name))
        return tuple(provider.spec for _, provider in ready)

    def of(self, columns: Sequence[Column]) -> "Parts":
        """Give the same parts with a provider more for each of the columns that has a prompt."""
        if self.prompter is None or all(column.prompt is None for column in columns):
            return self
        return replace(self, providers={**self.providers, **self.prompter.providers(columns)})

    def provider(self, name: str) -> Provider:
        """Give one provider. Raises `UnknownNameError`."""
        try:
            return self.providers[name]
        except KeyError:
            raise UnknownNameError("provider", name, known=tuple(self.providers)) from None
