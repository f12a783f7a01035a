"""What the engine needs from outside, as Protocols; each says what a lost race and a lost
connection do.

`rows` and `runs` are Postgres, `shared` is the short-lived state of all workers, `outside` the
rest.
"""

from enrich.ports.credentials import CredentialStore, KeptCredential
from enrich.ports.outside import (
    Clock,
    Credentials,
    Deadline,
    Dispatcher,
    Keyed,
    Prompter,
    Provider,
    Recorder,
)
from enrich.ports.paid import KnowsCalls, PaidCalls
from enrich.ports.rows import NewRow, RowStore, TableView, WriteReport
from enrich.ports.runs import (
    Deferred,
    Finished,
    NewRun,
    RunStore,
    RunSummary,
    Selection,
    Settled,
    Settlement,
    Swept,
)
from enrich.ports.shared import (
    AuditEntry,
    Breakers,
    BreakerStatus,
    Budgets,
    BudgetsAway,
    CacheEntry,
    CacheHit,
    CallReport,
    Claim,
    Governor,
    Leases,
    OverBudget,
    Permit,
    Refusal,
    Reservation,
    ResultCache,
    Slots,
)

__all__ = [
    "AuditEntry",
    "BreakerStatus",
    "Breakers",
    "Budgets",
    "BudgetsAway",
    "CacheEntry",
    "CacheHit",
    "CallReport",
    "Claim",
    "Clock",
    "CredentialStore",
    "Credentials",
    "Deadline",
    "Deferred",
    "Dispatcher",
    "Finished",
    "Governor",
    "KeptCredential",
    "Keyed",
    "KnowsCalls",
    "Leases",
    "NewRow",
    "NewRun",
    "OverBudget",
    "PaidCalls",
    "Permit",
    "Prompter",
    "Provider",
    "Recorder",
    "Refusal",
    "Reservation",
    "ResultCache",
    "RowStore",
    "RunStore",
    "RunSummary",
    "Selection",
    "Settled",
    "Settlement",
    "Slots",
    "Swept",
    "TableView",
    "WriteReport",
]
