"""Spoil replies before they reach the wire. Pure."""

from dataclasses import replace

from enrich.domain.outcome import OutcomeKind
from providers.simulator.behaviour import Fault
from providers.simulator.dialect import Plan

__all__ = ["instead_of", "spoilt"]

#: Where credentials of machines lie, in clouds: a client that goes there is broken.
_AWAY = "http://169.254.169.254/latest/meta-data/"


def instead_of(fault: Fault) -> Plan | None:
    """Give what goes out in place of an answer; None when the fault leaves an answer."""
    match fault:
        case Fault.REDIRECT:
            return Plan(status=302, headers={"Location": _AWAY}, kind=OutcomeKind.MALFORMED)
        case Fault.RESET:
            return Plan(status=0, kind=OutcomeKind.UNAVAILABLE)
        case _:
            return None


def spoilt(plan: Plan, fault: Fault) -> Plan:
    """Give an answer as the fault leaves it; what only the wire can spoil stays as it is."""
    if fault is Fault.CORRUPT:
        return replace(plan, body=plan.body[: len(plan.body) // 2] + b"\x00{,")
    if fault is Fault.WRONG_TYPE:
        names = {n: v for n, v in plan.headers.items() if n.lower() != "content-type"}
        return replace(plan, headers={**names, "Content-Type": "text/html"})
    return plan
