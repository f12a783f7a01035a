"""The parts of a person's name, and the whole from its parts."""

import re

from enrich.domain.outcome import NotFound, Outcome
from enrich.domain.provider import ProviderSpec, Tier
from enrich.domain.values import JsonObject
from providers.base import LocalProvider, observed, text_of

__all__ = ["SPEC", "provider"]

SPEC = ProviderSpec(
    name="person_names",
    version="1",
    tier=Tier.FREE,
    gives={
        "full_name": 0.97,
        "first_name": 0.92,
        "middle_name": 0.88,
        "last_name": 0.92,
        "name_title": 0.92,
        "name_suffix": 0.92,
        "nickname": 0.85,
    },
    inputs=(frozenset({"full_name"}), frozenset({"first_name", "last_name"})),
    optional_inputs=frozenset({"middle_name", "name_title", "name_suffix"}),
    licence="LGPL-2.1-or-later",
    source="nameparser",
    data_date="2026-10-01",
    bulk_size=1000,
)
_PARTS = ("name_title", "first_name", "middle_name", "last_name", "name_suffix")
#: Scripts that write names without spaces or family name first: the parser would be wrong.
_UNPARSED = re.compile(r"[\u1100-\u11ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")


def provider() -> LocalProvider[None]:
    """Make the provider."""
    return LocalProvider(SPEC, load=_load, read=_read)


def _load() -> None:
    import nameparser

    _ = nameparser


def _read(_: None, inputs: JsonObject) -> Outcome:
    whole = " ".join(text_of(inputs, "full_name").split())
    if not whole:
        joined = " ".join(filter(None, (text_of(inputs, part) for part in _PARTS)))
        return observed(SPEC.gives, {"full_name": joined})
    return NotFound() if _UNPARSED.search(whole) else _parse(whole)


def _parse(whole: str) -> Outcome:
    from nameparser import HumanName

    name = HumanName(whole)
    name.capitalize()  # touches names in one case only
    if not (name.first and name.last):
        return NotFound()
    return observed(
        SPEC.gives,
        {
            "name_title": name.title,
            "first_name": name.first,
            "middle_name": name.middle,
            "last_name": name.last,
            "name_suffix": name.suffix,
            "nickname": name.nickname,
        },
    )
