"""Beat's memory of what it has sent: in the home's folder, which is made; one beat a file."""

import os
from contextlib import ExitStack
from pathlib import Path

from celery.beat import PersistentScheduler

from enrich.embedded.home import claimed

__all__ = ["HomeScheduler"]


class HomeScheduler(PersistentScheduler):
    """Celery's scheduler with a file that no other one writes to at the same time.

    Which beat keeps which file does not matter: what must come once is taken in PostgreSQL.
    """

    schedule_filename: str

    def setup_schedule(self) -> None:
        """Open the file, or one of our own beside it where another beat has it open."""
        path = Path(self.schedule_filename)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._held = ExitStack()
        if not self._held.enter_context(claimed(path.with_suffix(".lock"))):
            self.schedule_filename = f"{path}-{os.getpid()}"
        super().setup_schedule()

    def close(self) -> None:
        """Close the file, and let another beat have it."""
        super().close()
        self._held.close()
