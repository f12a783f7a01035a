"""How a simulated vendor behaves: what it knows, and how often it does which harm."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from enrich.errors import BadFileError

__all__ = ["Behaviour", "Fault", "behaviours_from"]

_RATES = (
    "coverage", "lies", "drips", "resets", "cuts", "corrupt", "wrong_types", "redirects",
    "errors", "storms", "tail", "pending",
)  # fmt: skip
#: What `flaky` divides among: each is a way in which one call fails.
_FLAKY = ("resets", "cuts", "corrupt", "wrong_types", "redirects", "errors", "storms")


class Fault(StrEnum):
    """What was done to a reply on purpose; `none` is an honest one."""

    NONE = "none"
    LIE = "lie"
    DRIP = "drip"
    RESET = "reset"
    CUT = "cut"
    CORRUPT = "corrupt"
    WRONG_TYPE = "wrong_type"
    REDIRECT = "redirect"
    ERROR = "error"
    STORM = "storm"


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """How a vendor behaves; rates are shares within 0 and 1, and all follows from the seed.

    Attributes:
        coverage: questions that it has an answer to.
        lies: answers whose values are wrong.
        drips, resets, cuts: answers that come a byte every `drip_s`, not at all, or by half.
        corrupt, wrong_types, redirects: answers that are no JSON, say they are HTML, or lead away.
        errors, storms: runs of `burst` calls that all get a 500 or 503, or a refusal for their
            number whatever the limit says.
        pending: questions that are worked on first, by vendors that do so; ready at poll `polls`.
        called_after_s, called_times: when answers are sent to who told where, and how often each.
        shuffled: answers to many questions come in another order.
        left_out, swapped: so many answers of each call about many rows are missing, or change
            places.
        latency_s, latency_sigma: median of a call's time, and the spread of its logarithm.
        tail: calls that take twenty times as long.
        keys: those that are accepted; empty: any.
        purse_credits: what each key may spend; None: without end.
        limits: whether the limits of the file are enforced.
        token_s: how long a token lives that it gives for a credential.
    """

    seed: int = 1
    coverage: float = 1.0
    lies: float = 0.0
    drips: float = 0.0
    resets: float = 0.0
    cuts: float = 0.0
    corrupt: float = 0.0
    wrong_types: float = 0.0
    redirects: float = 0.0
    errors: float = 0.0
    storms: float = 0.0
    burst: int = 5
    pending: float = 0.0
    polls: int = 1
    called_after_s: float = 0.0
    called_times: int = 1
    shuffled: bool = False
    left_out: int = 0
    swapped: int = 0
    latency_s: float = 0.0
    latency_sigma: float = 0.5
    tail: float = 0.0
    drip_s: float = 1.0
    keys: tuple[str, ...] = ()
    purse_credits: float | None = None
    limits: bool = True
    token_s: float = 3600.0

    def __post_init__(self) -> None:
        """Refuse what cannot be. Raises `ValueError` or `TypeError`."""
        for name in _RATES:
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must lie within 0 and 1")
        if not isinstance(self.keys, tuple):
            raise TypeError("keys must be a list")
        if self.burst < 1 or self.polls < 1 or min(self.latency_s, self.latency_sigma) < 0:
            raise ValueError("burst and polls must be 1 or more, latencies 0 or more")
        if self.called_after_s < 0 or self.called_times < 0:
            raise ValueError("called_after_s and called_times must be 0 or more")
        if min(self.left_out, self.swapped) < 0:
            raise ValueError("left_out and swapped must be 0 or more")
        if self.drip_s <= 0 or (self.purse_credits or 0) < 0:
            raise ValueError("drip_s must be above 0, a purse 0 or more")

    def flaky(self, rate: float) -> "Behaviour":
        """Give one of which so large a share of calls goes wrong, in all ways alike."""
        if not 0 <= rate <= 1:
            raise ValueError("flaky must lie within 0 and 1")
        return _changed(self, {name: rate / len(_FLAKY) for name in _FLAKY})


def behaviours_from(path: Path, base: Behaviour) -> tuple[Behaviour, Mapping[str, Behaviour]]:
    """Read a TOML file: keys for everybody at its top, those of one vendor in `[providers.NAME]`.

    Raises:
        BadFileError: it cannot be read, or has a key or value that cannot be.
    """
    try:
        data = tomllib.loads(path.read_text("utf-8"))
        own = data.pop("providers", {})
        common = _changed(base, data)
        return common, {name: _changed(common, values) for name, values in own.items()}
    except (OSError, UnicodeDecodeError) as exc:
        raise BadFileError(str(path), f"cannot be read ({type(exc).__name__})") from None
    except (ValueError, TypeError, AttributeError) as exc:
        raise BadFileError(str(path), str(exc)) from None


def _changed(base: Behaviour, values: Mapping[str, Any]) -> Behaviour:
    known = {field.name for field in fields(Behaviour)}
    for name in values:
        if name not in known:
            raise ValueError(f"there is no {name!r}; known: {', '.join(sorted(known))}")
    listed: dict[str, Any] = {
        name: tuple(v) if isinstance(v, list) else v for name, v in values.items()
    }
    return replace(base, **listed)
