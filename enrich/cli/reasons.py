"""Why a run's cells are not filled, who is left alone because of it, and the way out."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from shlex import quote

from enrich.cli.output import print_note, print_table
from enrich.cli.services import Services
from enrich.domain.calls import Refusal
from enrich.domain.endings import (
    NO_INPUT,
    Ending,
    is_left_alone,
    is_outage,
    is_without_input,
    needed_field,
)
from enrich.domain.keys import breaker_key, provider_of
from enrich.engine.gates import shut_for_long
from enrich.errors import RunFailedError
from enrich.ports import BreakerStatus, Keyed, Provider, RunSummary

__all__ = [
    "check_outage",
    "note_left_alone",
    "note_shut",
    "print_reasons",
    "shut_sentence",
    "until",
]

_SHOWN = 10
_WHY = {
    Refusal.AUTH.value: "refused the key; check it, then `enrich credentials add {name}{whose}`",
    Refusal.CREDITS.value: "has no credits left; buy some, then `enrich breaker {name} "
    "--force closed`",
    Refusal.GONE.value: "says that it is gone; if it is not, `enrich breaker {name} "
    "--force closed`",
}


def print_reasons(endings: Sequence[Ending]) -> None:
    """Print how many cells ended without a value, by state and reason."""
    if not endings:
        return
    shown = [(each.state.value, each.cells, each.reason) for each in endings[:_SHOWN]]
    print_table(("not filled", "cells", "why"), shown)
    if len(endings) > _SHOWN:
        print_note(f"… and {len(endings) - _SHOWN} other reasons; `enrich cell` tells one")


def note_left_alone(summary: RunSummary, endings: Iterable[Ending]) -> None:
    """Say how cells are taken up again that a breaker kept from being asked about."""
    cells = sum(each.cells for each in endings if is_left_alone(each))
    if cells:
        whose = "" if summary.tenant == "default" else f" --tenant {summary.tenant}"
        again = f"enrich run {quote(summary.table)} --where skipped{whose}"
        print_note(f"{cells} cells were left to a breaker; once it lets calls through: `{again}`")


def note_shut(services: Services, tenant: str, endings: Iterable[Ending]) -> None:
    """Say whom a run could not ask and nobody asks now: why, until when, and the way out."""
    reasons = " ".join(each.reason for each in endings)
    for status in shut_for_long(services.parts.breakers):
        gate = provider_of(status.key)
        providers = services.parts.providers
        names = [gate, *(name for name, one in providers.items() if one.spec.gate == gate)]
        number = _credential_id(providers[gate], tenant) if gate in providers else ""
        is_ours = status.key in {gate, breaker_key(gate, number)}
        if is_ours and any(f"{name}: " in reasons for name in names):
            print_note(shut_sentence(status, tenant=tenant))


def shut_sentence(status: BreakerStatus, *, tenant: str = "default") -> str:
    """Say who is shut, until when, why, and which command opens it."""
    name = provider_of(status.key)
    whose = "" if tenant == "default" else f" --tenant {tenant}"
    why = _WHY[status.reason].format(name=name, whose=whose)
    return f"{name} is left alone{until(status.retry_at)}: it {why}"


def check_outage(summary: RunSummary, endings: Sequence[Ending]) -> None:
    """Raise `RunFailedError` for a run that got nothing because nobody could be asked.

    One that got something is done, whatever else failed.
    """
    outages = [each for each in endings if is_outage(each) or is_without_input(each)]
    counts = summary.counts
    if not outages or counts.filled or counts.not_found:
        return
    cells = sum(each.cells for each in outages)
    raise RunFailedError(
        f"run {summary.id} got nothing: {cells} cells could not be asked about, above all "
        f"{outages[0].reason}{_way_out(summary.table, outages[0])}"
    )


def _way_out(table: str, ending: Ending) -> str:
    """Name the command by which a column's values are asked with."""
    if not ending.reason.startswith(NO_INPUT):
        return ""
    field = needed_field(ending) or "company_name"
    return (
        f"; if a column holds it, say so: `enrich columns {table} set COLUMN --field {field}`, or "
        f"`--map HEADER=COLUMN:{field}` at the import"
    )


def _credential_id(asked: Provider, tenant: str) -> str:
    return asked.credential_id(tenant) if isinstance(asked, Keyed) else ""


def until(moment: datetime | None) -> str:
    """Write the end of a sentence: until when, if that is known."""
    return "" if moment is None else f" until {moment:%Y-%m-%d %H:%M} UTC"
