"""A run's summary, for people and as JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from enrich.cli.output import print_facts, print_json, print_note
from enrich.cli.reasons import note_left_alone, print_reasons
from enrich.domain.endings import Ending, is_over_budget
from enrich.domain.outcome import NO_CREDENTIAL
from enrich.domain.values import credits_of
from enrich.engine.report import finished_report
from enrich.ports import RunStore, RunSummary

__all__ = ["booked", "note_missing_keys", "print_summary", "summary_json"]


def note_missing_keys(runs: RunStore, tenant: str, run_id: int) -> None:
    """Say beside a summary who was not asked for want of a key, and how to give one."""
    whose = "" if tenant == "default" else f" --tenant {tenant}"
    for provider in runs.skipped(tenant, run_id, NO_CREDENTIAL):
        print_note(f"{provider} has no key: enrich credentials add {provider}{whose}")


def booked(summary: RunSummary, costs: Mapping[str, int]) -> RunSummary:
    """Give a summary with the sum of its `costs` by provider.

    What a run counts by itself comes batch by batch: less than its calls, while it is under way.
    """
    counts = replace(summary.counts, cost_microcredits=sum(costs.values()))
    return replace(summary, counts=counts)


def print_summary(
    summary: RunSummary,
    endings: Sequence[Ending] = (),
    *,
    costs: Mapping[str, int] | None = None,
    as_json: bool,
) -> None:
    """Print how a run stands, why cells of it are not filled, and `costs` by provider."""
    if as_json:
        print_json({**summary_json(summary), **finished_report(summary, endings)})
        return
    counts, took = summary.counts, _took_s(summary)
    batches = ", ".join(f"{number} {phase}" for phase, number in sorted(summary.batches.items()))
    facts: list[tuple[str, object]] = [
        (f"run {summary.id}", f"{summary.state.value} · table {summary.table}"),
        ("columns", ", ".join(summary.wanted)),
        ("rows", f"{summary.rows} in batches: {batches or 'none'}"),
        ("filled", f"{counts.filled}, {counts.changed} of them with another value than before"
                   if counts.changed else counts.filled),
        ("not found", counts.not_found),
        *((name, number) for name in ("pending", "failed", "skipped")
          if (number := getattr(counts, name))),
        ("provider calls", f"{counts.provider_calls} by network, {counts.cache_hits} cache hits"),
        ("cost", _cost(summary, endings)),
        *(("of it", f"{name} {credits_of(cost):.4f}") for name, cost in (costs or {}).items()),
        *([("took", f"{took:.2f} s")] if took is not None else []),
        *(("parked", reason) for reason in summary.parked_reasons),
    ]  # fmt: skip
    print_facts(facts)
    print_reasons(endings)
    note_left_alone(summary, endings)


def summary_json(summary: RunSummary) -> dict[str, Any]:
    return {
        **finished_report(summary, ()),
        "max_cost": _credits(summary.max_cost_microcredits),
        "batches": summary.batches,
        "parked_reasons": summary.parked_reasons,
    }


def _cost(summary: RunSummary, endings: Sequence[Ending]) -> str:
    """Say what was spent, of how much, and what there was no money for."""
    spent = f"{credits_of(summary.counts.cost_microcredits):.4f} credits"
    cap = _credits(summary.max_cost_microcredits)
    left_out = sum(each.cells for each in endings if is_over_budget(each))
    return (
        spent
        + (f" of {cap:g} that it may spend" if cap is not None else "")
        + (f"; {left_out} cells left out (over budget)" if left_out else "")
    )


def _credits(microcredits: int | None) -> float | None:
    return None if microcredits is None else credits_of(microcredits)


def _took_s(summary: RunSummary) -> float | None:
    if summary.finished_at is None:
        return None
    return (summary.finished_at - summary.started_at).total_seconds()
