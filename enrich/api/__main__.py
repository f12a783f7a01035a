"""Serve the interface: `python -m enrich.api`, as `enrich api` and `enrich up` begin it."""

import logging
import sys
from contextlib import suppress
from types import FrameType

import uvicorn

from enrich.api.app import create_app
from enrich.api.console.hub import Hub
from enrich.api.wire import BoundedHttp
from enrich.bootstrap import build, settings
from enrich.errors import EnrichError
from enrich.telemetry import configure_logging

__all__ = ["serve"]

#: What is under way at SIGTERM has that long to end.
_DRAIN_S = 10
#: Longer than front ends keep a connection (nginx: 60 s): the request of whoever uses one again in
#: the moment in which it is closed is lost.
_IDLE_S = 75
#: The address is taken, say; the server has logged it.
_NOT_STARTED = 3


class _Server(uvicorn.Server):
    """A server that lets go of the consoles that watch, before it waits for requests to end."""

    def __init__(self, config: uvicorn.Config, hub: Hub) -> None:
        super().__init__(config)
        self._hub = hub

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Take a signal."""
        self._hub.end()
        super().handle_exit(sig, frame)


def serve() -> None:
    """Serve until a signal; what it holds is given back."""
    own = settings()
    configure_logging(own.log.level, as_json=own.log.as_json)
    services = build()
    try:
        app = create_app(services)
        config = uvicorn.Config(
            app,
            host=own.api.host,
            port=own.api.port,
            log_config=None,
            # One line a request is the front end's to write; ours would hold row ids.
            access_log=False,
            server_header=False,
            timeout_keep_alive=_IDLE_S,
            timeout_graceful_shutdown=_DRAIN_S,
            http=BoundedHttp,
            # Nothing here asks where a request came from.
            proxy_headers=False,
        )
        server = _Server(config, app.state.hub)
        with suppress(KeyboardInterrupt):
            server.run()
        if not server.started:
            sys.exit(_NOT_STARTED)
    finally:
        services.close()


def main() -> None:
    """Serve; an expected error is one sentence and an exit code."""
    try:
        serve()
    except EnrichError as exc:
        logging.getLogger("enrich").addHandler(logging.NullHandler())
        sys.stderr.write(f"enrich: {exc}\n")
        sys.exit(exc.exit_code)


if __name__ == "__main__":
    main()
