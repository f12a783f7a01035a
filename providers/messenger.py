"""Messages to addresses that tenants name, by the rules for addresses that rows name."""

from collections.abc import Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit

from enrich.errors import BadInputError
from enrich.ports.outside import Clock, Deadline
from providers.exchange import HttpCall, HttpFault
from providers.guard import RefusedAddressError, guarded, safe_url
from providers.http import HttpClient
from providers.spec.model import Timeouts
from providers.wire import Addresses, Resolve, resolve_any

__all__ = ["HttpMessenger"]

_LONGEST_URL = 2_000


class HttpMessenger:
    """The port `Messenger` over HTTP: public addresses only, no redirect is followed.

    With `may_loop`, for an installation on one machine, loopback is an address like any other.
    """

    def __init__(self, *, clock: Clock, may_loop: bool, resolve: Resolve = resolve_any) -> None:
        """Open nothing yet."""
        self._clock, self._may_loop = clock, may_loop
        self._client = HttpClient(clock=clock, resolve=_resolver(resolve, may_loop=may_loop))

    def check(self, url: str) -> None:
        """Refuse an address that no message goes to; the port's promise."""
        if len(url) > _LONGEST_URL:
            raise BadInputError("url", f"is longer than {_LONGEST_URL} characters")
        if self._may_loop and _is_loopback(url):
            return
        try:
            safe_url(url)
        except RefusedAddressError as exc:
            hint = "give the address of a public website, with https"
            raise BadInputError("url", str(exc), hint=hint) from None

    def send(self, url: str, headers: Mapping[str, str], body: bytes, *, timeout_s: float) -> str:
        """Send a message; the port's promise."""
        try:
            self.check(url)
        except BadInputError as exc:
            return exc.problem
        call = HttpCall(method="POST", url=url, headers=headers, body=body)
        deadline = Deadline(self._clock.monotonic_s() + timeout_s)
        times = Timeouts(read_s=timeout_s, total_s=timeout_s)
        reply = self._client.send(call, deadline=deadline, timeouts=times)
        if isinstance(reply, HttpFault):
            return reply.outcome.reason or reply.outcome.kind.value
        return "" if 200 <= reply.status < 300 else f"status {reply.status}"

    def close(self) -> None:
        """Give back the connections."""
        self._client.close()


def _resolver(resolve: Resolve, *, may_loop: bool) -> Resolve:
    checked = guarded(resolve)

    def allowed(host: str, port: int) -> Addresses:
        return resolve(host, port) if may_loop and _names_loopback(host) else checked(host, port)

    return allowed


def _is_loopback(url: str) -> bool:
    try:
        parts = urlsplit(url)
        is_named = _names_loopback(parts.hostname or "") and parts.port != 0
    except ValueError:
        return False
    return is_named and parts.scheme in {"http", "https"} and "@" not in parts.netloc


def _names_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
