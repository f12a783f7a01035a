"""What `enrich cell --why` prints."""

import click

from enrich.cli.output import print_facts, print_json, print_table, short
from enrich.engine.why import Why

__all__ = ["print_why"]


def print_why(found: Why, *, as_json: bool) -> None:
    """Print what each provider's word weighed, and who was asked."""
    if as_json:
        print_json(
            {
                "row": found.row.key,
                "column": found.column.key,
                "method": found.method,
                "trust": found.trust,
                "accepted_from": found.least,
                "reproduced": found.reproduced,
                "fused": found.fused,
                "voices": found.voices,
                "asked": found.asked,
            }
        )
        return
    _print_decision(found)
    _print_voices(found)
    click.echo()
    print_table(
        ("provider", "tier", "asked", "how it ended, or why not"),
        [(one.provider, one.tier, "yes" if one.asked else "", one.what) for one in found.asked],
    )


def _print_decision(found: Why) -> None:
    fused = found.fused
    if fused is None:
        print_facts([("why", "nobody gave a value")])
        return
    rival = fused.runner_up
    facts: list[tuple[str, object]] = [
        ("decided by", f"{found.method}, trust {found.trust}"),
        ("value", fused.value),
        ("confidence", f"{fused.confidence:.4f}, accepted from {found.least:g}"),
        ("support", f"{fused.support} families, agreement {fused.agreement:.0%}"),
    ]
    if rival is not None:
        by = ", ".join(rival.providers)
        facts.append(("runner-up", f"{short(rival.value)} at {rival.probability:.4f}, by {by}"))
    if fused.none:
        facts.append(("none of these", f"{fused.none:.4f}"))
    if fused.flags:
        facts.append(("flags", ", ".join(flag.value for flag in fused.flags)))
    if not found.reproduced:
        facts.append(("note", "the cell holds another value than these answers give"))
    print_facts(facts)


def _print_voices(found: Why) -> None:
    if not found.voices:
        return
    click.echo()
    print_table(
        ("provider", "said", "how surely", "right so far", "of", "nats", ""),
        [
            (
                voice.provider,
                short(voice.value),
                voice.confidence,
                f"{voice.accuracy:.1%}" if voice.evidence else "not known yet",
                f"{voice.evidence:g}",
                f"{voice.nats:+.3f}",
                "" if voice.counts else f"not counted: family {voice.family} has spoken",
            )
            for voice in found.voices
        ],
    )
