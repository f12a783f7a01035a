"""What beat asks for by the clock beside the sweep: runs of schedules, and numbers for the log.

Any number of beats may run: a moment of a schedule is taken in PostgreSQL by one of those who ask
at once, and the numbers are told once a period.
"""

from enrich.engine.schedules import begin_due
from tasks.app import app
from tasks.canvas import CeleryDispatcher
from tasks.services import services

__all__ = ["schedule"]

_dispatcher = CeleryDispatcher(app)


@app.task(name="enrich.schedule")
def schedule() -> int:
    """Begin the runs whose moment has come; gives how many moments were taken."""
    own = services()
    taken = begin_due(own.parts, own.schedules)
    for began in taken:
        _dispatcher.dispatch(began.steps)
    return len(taken)
