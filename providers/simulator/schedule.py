"""What happens when: every choice is a hash of seed, vendor and question, so a replay is equal.

What concerns one question hangs on how often it was asked before, never on the order in which
questions arrive; bursts hang on the number of the call, as an outage strikes whoever comes.
"""

import hashlib
import math
import random
from collections.abc import Sequence
from statistics import NormalDist

from providers.simulator.behaviour import Behaviour, Fault

__all__ = [
    "burst_at",
    "delay_s",
    "draw",
    "fault_for",
    "is_known",
    "is_pending",
    "left_out",
    "order",
]

_TAIL = 20.0
_NORMAL = NormalDist()


def draw(*parts: object) -> float:
    """Give a number within 0 and 1 (never either) that hangs on the parts alone."""
    seen = hashlib.sha256("\x1f".join(map(str, parts)).encode()).digest()
    return (int.from_bytes(seen[:6], "big") + 0.5) / 2**48


def is_known(behaviour: Behaviour, vendor: str, question: str) -> bool:
    """Say whether a vendor has an answer; asked again it says the same."""
    return draw(behaviour.seed, vendor, "known", question) < behaviour.coverage


def is_pending(behaviour: Behaviour, vendor: str, question: str) -> bool:
    """Say whether a vendor works on a question before it answers."""
    return draw(behaviour.seed, vendor, "pending", question) < behaviour.pending


def fault_for(behaviour: Behaviour, vendor: str, question: str, attempt: int) -> Fault:
    """Choose what is done to the reply to a question that was asked `attempt` times before."""
    left = draw(behaviour.seed, vendor, "fault", question, attempt)
    for fault, rate in (
        (Fault.LIE, behaviour.lies),
        (Fault.DRIP, behaviour.drips),
        (Fault.RESET, behaviour.resets),
        (Fault.CUT, behaviour.cuts),
        (Fault.CORRUPT, behaviour.corrupt),
        (Fault.WRONG_TYPE, behaviour.wrong_types),
        (Fault.REDIRECT, behaviour.redirects),
    ):
        if left < rate:
            return fault
        left -= rate
    return Fault.NONE


def burst_at(behaviour: Behaviour, vendor: str, number: int) -> Fault:
    """Say what strikes the call of this number, whoever makes it."""
    left = draw(behaviour.seed, vendor, "burst", number // behaviour.burst)
    if left < behaviour.errors:
        return Fault.ERROR
    return Fault.STORM if left - behaviour.errors < behaviour.storms else Fault.NONE


def delay_s(behaviour: Behaviour, vendor: str, question: str, attempt: int) -> float:
    """Give how long the answer takes: log-normal, with a tail of calls that take far longer."""
    if behaviour.latency_s == 0:
        return 0.0
    place = draw(behaviour.seed, vendor, "delay", question, attempt)
    spread = math.exp(behaviour.latency_sigma * _NORMAL.inv_cdf(place))
    is_slow = draw(behaviour.seed, vendor, "tail", question, attempt) < behaviour.tail
    return behaviour.latency_s * spread * (_TAIL if is_slow else 1.0)


def left_out(behaviour: Behaviour, vendor: str, questions: Sequence[str]) -> frozenset[int]:
    """Choose whose answers are missing from a reply to many questions; gives their places."""
    drawn = sorted(
        range(len(questions)),
        key=lambda place: draw(behaviour.seed, vendor, "left out", questions[place]),
    )
    return frozenset(drawn[: behaviour.left_out])


def order(behaviour: Behaviour, vendor: str, count: int) -> list[int]:
    """Give the places in the order in which a reply holds them."""
    places = list(range(count))
    if behaviour.shuffled:
        random.Random(behaviour.seed).shuffle(places)  # noqa: S311 - a replay must be equal
        return places
    by_lot = sorted(places, key=lambda place: draw(behaviour.seed, vendor, "swapped", place))
    moved = sorted(by_lot[: behaviour.swapped])
    for here, there in zip(moved, [*moved[1:], *moved[:1]], strict=True):
        places[here] = there
    return places
