"""Cursors of lists: where a page ended, signed, so that a forged one is refused."""

import hashlib

from itsdangerous import BadData, URLSafeSerializer

from enrich.api.problems import Fault, ProblemError

__all__ = ["Cursors"]


class Cursors:
    """Writes and reads cursors; each is of one list and one tenant."""

    def __init__(self, secret: str) -> None:
        # Short signatures: a cursor gives nothing away but a number, and is no credential.
        self._signer = URLSafeSerializer(hashlib.sha256(secret.encode()).hexdigest(), salt="cursor")

    def write(self, tenant: str, of: str, place: int) -> str:
        """Give the cursor of the page after `place`."""
        return str(self._signer.dumps([tenant, of, place]))

    def read(self, tenant: str, of: str, cursor: str | None) -> int | None:
        """Give the place of a cursor; None for none. Raises `ProblemError` for a wrong one."""
        if cursor is None:
            return None
        try:
            owner, kind, place = self._signer.loads(cursor)
        except (BadData, ValueError, TypeError):
            owner, kind, place = None, None, 0
        if (owner, kind) != (tenant, of) or not isinstance(place, int):
            problem = "is no cursor of this list; leave it out to begin anew"
            raise ProblemError(422, f"cursor: {problem}", faults=[Fault("/query/cursor", problem)])
        return place
