"""A table with providers of known honesty, for tests of what is learned about them."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

from enrich.domain.keys import digest
from enrich.domain.outcome import Found
from enrich.domain.policy import FusionMethod
from enrich.domain.provider import ProviderSpec, Query, Tier
from enrich.domain.values import Observation
from enrich.engine.labelling import label_cell
from enrich.engine.local import LocalRunner
from enrich.ports.trust import Label
from tests.unit.batches import COMPANY, EMAIL
from tests.unit.engine_world import Scripted, World, world

__all__ = ["HONESTY", "label_rows", "learned_world", "truth_of"]

#: How often each says the right name; `echo` repeats `loud`.
HONESTY: Mapping[str, float] = {"loud": 0.55, "echo": 0.55, "calm": 0.95}


def draw(*parts: str) -> float:
    """Give a number within 0 and 1 that depends on nothing but the parts."""
    return int(digest(parts)[:12], 16) / 16**12


def truth_of(email: str) -> str:
    """Give the right name."""
    return f"Firm {email.partition('@')[2].partition('.')[0]}"


def _provider(name: str) -> Scripted:
    spec = ProviderSpec(
        name=name,
        version="1",
        tier=Tier.FREE,
        gives={"company_name": 0.8},
        inputs=(frozenset({"email"}),),
    )
    heard = {"echo": "loud"}.get(name, name)

    def answer(query: Query) -> Found:
        email = str(query.inputs["email"])
        is_right = draw(heard, email) < HONESTY[name]
        wrong = f"Wrong {int(draw('wrong', heard, email) * 12)}"
        value = truth_of(email) if is_right else wrong
        return Found({"company_name": Observation(value=value, confidence=0.8)})

    return Scripted(spec, answer)


@contextmanager
def learned_world(rows: int = 240) -> Iterator[World]:
    """Build a world whose fusion is learned: two that err together, and one that seldom does."""
    emails = [f"a@firm{number}.com" for number in range(rows)]
    providers = [_provider(name) for name in HONESTY]
    column = replace(COMPANY, min_confidence=0.0)
    with world(*providers, emails=emails, columns=(EMAIL, column)) as made:
        policies = made.parts.policies
        fusion = replace(policies.fusion, method=FusionMethod.LEARNED)
        parts = replace(made.parts, policies=replace(policies, fusion=fusion))
        yield replace(made, parts=parts, runner=LocalRunner(parts, made.parts.calls))


def label_rows(made: World, numbers: Sequence[int]) -> list[Label]:
    """Say of rows which name is right, as a person would."""
    return [
        label_cell(
            made.parts, "default", "t", f"r{n + 1}", COMPANY.key,
            value=truth_of(f"a@firm{n}.com"),
        )
        for n in numbers
    ]  # fmt: skip
