"""What was learned about the providers, and what it is learned from: both lie in Postgres."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from enrich.domain.fusion.habits import Habits
from enrich.domain.fusion.trust import TrustState
from enrich.domain.run import Response
from enrich.domain.values import Json

__all__ = ["Label", "LabelKind", "TrustNote", "TrustStore"]


class LabelKind(StrEnum):
    """Who says that a value is right or wrong."""

    PERSON = "person"
    VERIFICATION = "verification"  # a call that checked the value itself
    AGREEMENT = "agreement"  # others bear it out


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """That a value of a cell is right, or wrong; `row` is our id of the row."""

    row: int
    column: str
    value: Json
    is_right: bool
    at: datetime
    kind: LabelKind = LabelKind.PERSON
    actor: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustNote:
    """A version of trust as lists show it."""

    version: int
    reason: str
    labels: float
    cells: int
    created_at: datetime


class TrustStore(Protocol):
    """Versions of trust, and labels. Versions are only ever added."""

    def newest(self, tenant: str) -> TrustState:
        """Give the newest state; version 0, which knows nothing, before there is any."""
        ...

    def version(self, tenant: str, number: int) -> TrustState:
        """Give one version; 0 knows nothing. Raises `UnknownNameError`."""
        ...

    def save(self, tenant: str, state: TrustState, *, reason: str) -> TrustState:
        """Add a state as the newest version, and give it with its number.

        Two at once take different numbers, and the later stands.
        """
        ...

    def history(self, tenant: str, *, limit: int = 20) -> tuple[TrustNote, ...]:
        """List the newest versions, newest first."""
        ...

    def tenants(self) -> tuple[str, ...]:
        """Name the tenants about whose rows anything was ever said, sorted."""
        ...

    def label(self, tenant: str, table: str, labels: Sequence[Label]) -> int:
        """Add labels; gives how many. One of a row that is not in the table is passed over."""
        ...

    def labels(self, tenant: str, table: str) -> tuple[Label, ...]:
        """Give a table's labels, oldest first. Raises `UnknownNameError`."""
        ...

    def heard(
        self, tenant: str, table: str, rows: Sequence[int]
    ) -> tuple[tuple[int, Response], ...]:
        """Give all that was said about some rows, oldest first, each with its run's id."""
        ...

    def habits(self, tenant: str, *, half_life_s: float) -> Habits:
        """Add up how a tenant's providers answered: who knew what, how surely, how fast it ages.

        An answer counts half as much for each half-life of its age.
        """
        ...
