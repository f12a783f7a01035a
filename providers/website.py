"""Read a page of the website that a row names: the one place where a row chooses the host."""

from dataclasses import dataclass, field
from urllib.parse import urljoin

from enrich.domain.outcome import InvalidInput, Malformed, Outcome, Unavailable
from enrich.ports.outside import Deadline
from providers.exchange import HttpCall, HttpFault, Reply
from providers.guard import RefusedAddressError, guarded, safe_url
from providers.http import HttpClient
from providers.wire import Resolve, resolve_any

__all__ = ["Page", "WebsiteReader"]

REDIRECTS_MAX = 3
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_CONTENT_TYPES = ("text/html", "application/xhtml+xml", "text/plain")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page, and the address at which it was in the end."""

    url: str
    content_type: str
    body: bytes = field(repr=False)


class WebsiteReader:
    """Fetches pages through a guard: public addresses only, each redirect checked anew."""

    def __init__(
        self,
        *,
        resolve: Resolve = resolve_any,
        contact: str = "",
        client: HttpClient | None = None,
    ) -> None:
        """Open nothing yet; `resolve` finds addresses, which are then checked.

        A `client` of one's own brings its own resolver: it has to be a guarded one.
        """
        self._client = client or HttpClient(resolve=guarded(resolve), contact=contact)

    def fetch(self, url: str, deadline: Deadline) -> Page | Outcome:
        """Give the page, or the outcome that stands in its place."""
        for _ in range(REDIRECTS_MAX + 1):
            try:
                target = safe_url(url).geturl()
            except RefusedAddressError as exc:
                return InvalidInput(str(exc))
            reply = self._client.send(_call(target), deadline=deadline)
            if isinstance(reply, HttpFault):
                return reply.outcome
            if reply.status not in _REDIRECTS:
                return _page(target, reply)
            url = urljoin(target, reply.headers.get("location", ""))
        return Malformed("too many redirects")

    def close(self) -> None:
        """Give back the connections."""
        self._client.close()


def _call(url: str) -> HttpCall:
    return HttpCall(method="GET", url=url, headers={"Accept": ", ".join(_CONTENT_TYPES)})


def _page(url: str, reply: Reply) -> Page | Outcome:
    kind = reply.headers.get("content-type", "").partition(";")[0].strip().lower()
    if reply.status >= 500:
        return Unavailable(f"status {reply.status}")
    if reply.status != 200:
        return Malformed(f"status {reply.status}")
    if kind not in _CONTENT_TYPES:
        return Malformed("the page is no text")
    return Page(url=url, content_type=kind, body=reply.body)
