"""`enrich up`: servers, workers and the scheduler in the foreground."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import click

from enrich import embedded
from enrich.bootstrap import endpoints, settings
from enrich.cli.api import api_lines, api_program, first_key, has_api
from enrich.cli.output import print_note
from enrich.cli.ports import listens, refuse_taken, why_not
from enrich.cli.servers import process_of_up, up_lock, without_password
from enrich.cli.services import opened
from enrich.cli.watchdog import Watchdog, answering
from enrich.cli.workers import (
    beat_program,
    flower_program,
    node_of,
    own_servers,
    stopped_by_signals,
    worker_programs,
)
from enrich.embedded.home import claimed
from enrich.embedded.processes import Program, Supervisor
from enrich.errors import BadInputError
from enrich.settings import FlowerSettings
from enrich.state.broker import check_broker
from tasks.app import app

__all__ = ["up_command"]

_LOOK_EVERY_S = 2.0
_API = "api"
_API_READY_S, _API_LOOK_S = 60.0, 0.1


@click.command("up")
@click.option("--workers", type=click.IntRange(1, 64), default=1, show_default=True)
@click.option("--threads", type=click.IntRange(1, 1000), help="Of each worker; default: its own.")
@click.option("--no-beat", is_flag=True, help="Without the scheduler; one must run somewhere.")
@click.option("--no-api", is_flag=True, help="Without the REST interface.")
@click.option("--flower/--no-flower", default=True, show_default=True,
              help="Flower shows tasks in a browser.")  # fmt: skip
def up_command(
    *, workers: int, threads: int | None, no_beat: bool, no_api: bool, flower: bool
) -> None:
    """Start the servers, workers and the scheduler, and keep them running until Ctrl-C.

    Beside those workers one more is there for what somebody waits for. Whatever ends, or does not
    answer any more, is started again. Servers that were up before stay up.
    """
    programs = worker_programs(workers, threads=threads)
    nodes = {program.name: node_of(program.name) for program in programs}
    programs += [] if no_beat else [beat_program()]
    programs += [api_program()] if has_api() and not no_api else []
    with stopped_by_signals(), _alone(settings().home):
        programs += _flower(settings().flower) if flower else []
        if any(program.name == _API for program in programs):
            refuse_taken(settings().api)
        with own_servers() as started:
            with opened() as services:  # refuses a schema that is not ours before more is started
                check_broker(services.endpoints.broker_url)
                key = None if no_api else first_key(services)
            with Supervisor(programs, tell=print_note) as supervisor:
                watchdog = Watchdog(nodes, partial(answering, app))
                _keep(supervisor, watchdog, started, partial(_tell, started, key))


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    with claimed(up_lock(home)) as is_first:
        if not is_first:
            raise BadInputError(
                "ENRICH_HOME",
                f"`enrich up` runs in {home} already{process_of_up(home)}",
                hint="stop that one, give it more --workers, or set another ENRICH_HOME",
            )
        up_lock(home).write_text(str(os.getpid()))
        yield


def _keep(
    supervisor: Supervisor,
    watchdog: Watchdog,
    started: tuple[embedded.Server, ...],
    tell: Callable[[Supervisor], None],
) -> None:
    """Say what runs, and mend what ends, until a signal raises KeyboardInterrupt."""
    never, look_s, home = threading.Event(), 0.0, settings().home
    try:
        _await_api(supervisor)
        tell(supervisor)
        while not never.wait(0.1):
            for name in watchdog.silent(supervisor.pids):
                supervisor.replace(name)
            supervisor.mend()
            if started and time.monotonic() >= look_s:
                _mend_servers(home, started)
                look_s = time.monotonic() + _LOOK_EVERY_S
    except KeyboardInterrupt:
        print_note("stopping")


def _await_api(supervisor: Supervisor) -> None:
    """Wait until the interface takes requests, so that its address is true when it is said."""
    own, until_s = settings().api, time.monotonic() + _API_READY_S
    while _API in supervisor.pids and not listens(own.host, own.port):
        if time.monotonic() >= until_s:
            print_note(f"the interface does not answer at {own.host}:{own.port} yet")
            return
        time.sleep(_API_LOOK_S)


def _mend_servers(home: Path, started: tuple[embedded.Server, ...]) -> None:
    dead = [s.server for s in embedded.status(home) if s.server in started and not s.is_alive]
    for server in dead:
        print_note(f"{server.value} has ended; it is started again")
    if dead:
        embedded.start(home, only=dead)


def _tell(started: tuple[embedded.Server, ...], key: str | None, supervisor: Supervisor) -> None:
    places = endpoints()
    running = ", ".join([*started, *(f"{n} ({pid})" for n, pid in supervisor.pids.items())])
    lines = (
        f"  started   {running}",
        f"  database  {without_password(places.database_url)}",
        f"  redis     {without_password(places.redis_url)}",
        f"  broker    {without_password(places.broker_url)}",
        *_of_flower(supervisor),
        "",
        "  In another terminal:",
        "    enrich import FILE --table T        rows in",
        "    enrich run T --columns website      work",
        "    enrich status RUN                   how it stands",
        '    eval "$(enrich env)"                the addresses, for other programs',
        "",
        *(api_lines(key) if _API in supervisor.pids else []),
        f"  {_way_out()} stops all of it.",
    )
    for line in lines:
        print_note(line)


def _way_out() -> str:
    """Say how to end it: what a shell starts with `&` hears no Ctrl-C, or ignores it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN or _is_in_background():
        return f"kill {os.getpid()}"
    return "Ctrl-C"


def _is_in_background() -> bool:
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:  # there is no terminal whose Ctrl-C could be heard or not
        return False
    try:
        return os.tcgetpgrp(terminal) != os.getpgrp()
    finally:
        os.close(terminal)


def _flower(own: FlowerSettings) -> list[Program]:
    """Describe Flower; where its port is taken, most likely by another one, it is left out."""
    if reason := why_not(own.host, own.port):
        where = f"{own.host}:{own.port}"
        print_note(
            f"Flower is not started: {where} cannot be had ({reason}); "
            "set ENRICH_FLOWER__PORT to another"
        )
        return []
    return [flower_program(own)]


def _of_flower(supervisor: Supervisor) -> list[str]:
    own = settings().flower
    return [f"  flower    http://{own.host}:{own.port}"] if "flower" in supervisor.pids else []
