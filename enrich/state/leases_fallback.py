"""Leases of all workers; of this process while Redis is away."""

from collections.abc import Mapping, Sequence

from enrich.ports.outside import Recorder
from enrich.ports.shared import Claim, Leases
from enrich.state.link import FALLBACKS_TOTAL, LinkAwayError

__all__ = ["FallbackLeases"]

# Marks a claim that was made here, so that it is renewed and released here.
_HERE = "here-"


class FallbackLeases:
    """Leases that never fail: without Redis there is at most one leader a process.

    A leader whose Redis went away goes on: what it writes is guarded by its fence. A waiter whose
    Redis went away is told that the names are free, and claims again, here.
    """

    def __init__(self, shared: Leases, memory: Leases, *, recorder: Recorder | None = None) -> None:
        self._shared, self._memory, self._recorder = shared, memory, recorder

    def claim(self, tenant: str, names: Sequence[str], *, lease_s: float) -> Claim:
        """Become leader where nobody is."""
        try:
            return self._shared.claim(tenant, names, lease_s=lease_s)
        except LinkAwayError as error:
            self._count(error)
        claim = self._memory.claim(tenant, names, lease_s=lease_s)
        return Claim(led=claim.led, held=claim.held, token=_HERE + claim.token)

    def renew(self, tenant: str, claim: Claim, *, lease_s: float) -> frozenset[str]:
        """Extend; gives the names that are still ours, as far as anybody can tell."""
        if claim.token.startswith(_HERE):
            return self._memory.renew(tenant, _bare(claim), lease_s=lease_s)
        try:
            return self._shared.renew(tenant, claim, lease_s=lease_s)
        except LinkAwayError as error:
            self._count(error)
            return frozenset(claim.led)

    def release(self, tenant: str, claim: Claim, *, error: str = "") -> frozenset[str]:
        """Let go and wake the waiters; gives the names that were surely still ours."""
        if claim.token.startswith(_HERE):
            return self._memory.release(tenant, _bare(claim), error=error)
        try:
            return self._shared.release(tenant, claim, error=error)
        except LinkAwayError as away:
            self._count(away)
            return frozenset()

    def wait(self, tenant: str, names: Sequence[str], *, timeout_s: float) -> Mapping[str, str]:
        """Wait until each is released or its lease ran out; name to error.

        Names still held at the timeout, or because too many wait already, are not in the answer.
        """
        try:
            return self._shared.wait(tenant, names, timeout_s=timeout_s)
        except LinkAwayError as error:
            self._count(error)
        return self._memory.wait(tenant, names, timeout_s=timeout_s)

    def _count(self, error: LinkAwayError) -> None:
        if self._recorder is not None:
            self._recorder.count(FALLBACKS_TOTAL, 1, {"part": "leases", "reason": error.reason})


def _bare(claim: Claim) -> Claim:
    return Claim(led=claim.led, held=claim.held, token=claim.token.removeprefix(_HERE))
