"""Whether an address can be listened at, and whether somebody does."""

import socket

from enrich.errors import BadInputError
from enrich.settings import ApiSettings

__all__ = ["listens", "refuse_taken", "why_not"]

_ANSWER_S = 1.0


def why_not(host: str, port: int) -> str:
    """Say why nothing can listen there; empty when it can."""
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family) as probe:
            # As servers do: what lingers of connections that were closed is in nobody's way.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen()
    except OSError as exc:
        return exc.strerror or str(exc)
    return ""


def refuse_taken(own: ApiSettings) -> None:
    """Refuse an address of the interface that another program has: its callers would get ours.

    Raises `BadInputError`.
    """
    if reason := why_not(own.host, own.port):
        raise BadInputError(
            "ENRICH_API__PORT",
            f"{own.host}:{own.port} cannot be had ({reason})",
            hint="set it to another port, or leave the interface out with --no-api",
        )


def listens(host: str, port: int) -> bool:
    """Say whether somebody takes connections there; of port 0 nobody knows."""
    try:
        socket.create_connection((host, port), timeout=_ANSWER_S).close()
    except OSError:
        return False
    return True
