"""Beat's memory of what it has sent: in the home's folder, which is made; one beat a file.

Beside its clock it hears of what is asked for by SQL, and has that looked for at once.
"""

import logging
import os
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from celery import Celery
from celery.beat import PersistentScheduler
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from enrich.bootstrap import endpoints
from enrich.embedded.home import claimed
from enrich.store.notices import REQUESTS_CHANNEL, Notices

__all__ = ["HomeScheduler"]

log = logging.getLogger("enrich.tasks")

#: A look that waits for longer has been overtaken by that of the clock.
_LOOK_S = 5.0


class HomeScheduler(PersistentScheduler):
    """Celery's scheduler with a file that no other one writes to at the same time.

    Which beat keeps which file does not matter: what must come once is taken in PostgreSQL.
    """

    schedule_filename: str
    app: Celery

    def setup_schedule(self) -> None:
        """Open the file, or one of our own beside it where another beat has it open."""
        path = Path(self.schedule_filename)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._held = ExitStack()
        if not self._held.enter_context(claimed(path.with_suffix(".lock"))):
            self.schedule_filename = f"{path}-{os.getpid()}"
        super().setup_schedule()
        notices = Notices(endpoints().database_url, REQUESTS_CHANNEL, partial(_look, self.app))
        self._held.callback(notices.close)

    def close(self) -> None:
        """Close the file, and let another beat have it."""
        super().close()
        self._held.close()


def _look(app: Celery) -> None:
    """Have a worker begin what was asked for by SQL; the clock does it otherwise."""
    try:
        app.send_task("enrich.requests", ignore_result=True, expires=_LOOK_S)
    except (OperationalError, RedisError, ConnectionError) as exc:
        log.warning("requests.left_to_schedule", extra={"error": type(exc).__name__})
