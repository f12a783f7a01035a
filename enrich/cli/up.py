"""`enrich up`: servers, workers and the scheduler in the foreground."""

import os
import signal
import socket
import threading
import time
from functools import partial
from pathlib import Path

import click

from enrich import embedded
from enrich.bootstrap import endpoints, settings
from enrich.cli.api import api_lines, api_program, first_key, has_api
from enrich.cli.output import print_note
from enrich.cli.servers import up_lock, without_password
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
    programs += _flower(settings().flower) if flower else []
    home = settings().home
    with stopped_by_signals(), claimed(up_lock(home)) as is_first, own_servers() as started:
        if not is_first:
            raise BadInputError(
                "ENRICH_HOME",
                f"`enrich up` runs in {home} already",
                hint="stop that one, give it more --workers, or set another ENRICH_HOME",
            )
        with opened() as services:  # refuses a schema that is not ours before anything is started
            check_broker(services.endpoints.broker_url)
            key = None if no_api else first_key(services)
        with Supervisor(programs, tell=print_note) as supervisor:
            _tell(started, supervisor, key)
            watchdog = Watchdog(nodes, partial(answering, app))
            _keep(supervisor, watchdog, settings().home, started)


def _keep(
    supervisor: Supervisor, watchdog: Watchdog, home: Path, started: tuple[embedded.Server, ...]
) -> None:
    """Mend what ends, until a signal raises KeyboardInterrupt."""
    never, look_s = threading.Event(), 0.0
    try:
        while not never.wait(0.1):
            for name in watchdog.silent(supervisor.pids):
                supervisor.replace(name)
            supervisor.mend()
            if started and time.monotonic() >= look_s:
                _mend_servers(home, started)
                look_s = time.monotonic() + _LOOK_EVERY_S
    except KeyboardInterrupt:
        print_note("stopping")


def _mend_servers(home: Path, started: tuple[embedded.Server, ...]) -> None:
    dead = [s.server for s in embedded.status(home) if s.server in started and not s.is_alive]
    for server in dead:
        print_note(f"{server.value} has ended; it is started again")
    if dead:
        embedded.start(home, only=dead)


def _tell(started: tuple[embedded.Server, ...], supervisor: Supervisor, key: str | None) -> None:
    places = endpoints()
    running = ", ".join([*started, *(f"{n} ({pid})" for n, pid in supervisor.pids.items())])
    lines = (
        f"  database  {without_password(places.database_url)}",
        f"  redis     {without_password(places.redis_url)}",
        f"  broker    {without_password(places.broker_url)}",
        *_of_flower(supervisor),
        *(api_lines(key) if "api" in supervisor.pids else []),
        f"  started   {running}",
        "",
        "  In another terminal:",
        "    enrich import FILE --table T        rows in",
        "    enrich run T --columns website      work",
        "    enrich status RUN                   how it stands",
        '    eval "$(enrich env)"                the addresses, for other programs',
        f"  {_way_out()} stops all of it.",
    )
    for line in lines:
        print_note(line)


def _way_out() -> str:
    """Say how to end it: a shell without job control has what it starts with `&` ignore Ctrl-C."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        return f"kill {os.getpid()}"
    return "Ctrl-C"


def _flower(own: FlowerSettings) -> list[Program]:
    """Describe Flower; where its port is taken, most likely by another one, it is left out."""
    try:
        with socket.create_server((own.host, own.port)):
            return [flower_program(own)]
    except OSError as exc:
        where = f"{own.host}:{own.port}"
        print_note(
            f"Flower is not started: {where} cannot be had ({exc.strerror}); "
            "set ENRICH_FLOWER__PORT to another"
        )
        return []


def _of_flower(supervisor: Supervisor) -> list[str]:
    own = settings().flower
    return [f"  flower    http://{own.host}:{own.port}"] if "flower" in supervisor.pids else []
