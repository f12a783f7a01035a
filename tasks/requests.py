"""The tasks that callers send: each begins a run and leaves; the end of the run answers."""

import inspect
import logging
from collections.abc import Mapping, Sequence
from typing import Any

from celery import Task
from celery.exceptions import Ignore
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from enrich.bootstrap import settings
from enrich.domain.run import RunOptions, RunState
from enrich.domain.values import JsonObject
from enrich.embedded import redis_url
from enrich.engine.arguments import columns_of, name_of, names_of, options_of, selection_of
from enrich.engine.cells import CellsRequest, Known, begin
from enrich.engine.report import run_report
from enrich.engine.submit import RunRequest, Submitted, enriched_columns, submit
from enrich.errors import BadInputError, BrokerDownError, UsageError
from enrich.ports import Selection
from enrich.state.broker import check_broker
from tasks.app import app
from tasks.canvas import CeleryDispatcher
from tasks.envelope import sending_problem
from tasks.express.asking import Asked, cell_asked, names_of_arguments, row_asked
from tasks.express.sending import is_plain, send_plain, shown_of
from tasks.replies import ReplyTo, encoded, tell_empty
from tasks.services import services
from tasks.traces import carried, sending, taken_up

__all__ = ["enrich_cell", "enrich_row", "enrich_rows", "enrich_table"]

log = logging.getLogger("enrich.tasks")

#: How a worker takes the messages of single units.
_GATHERED = "tasks.express.strategy:gathering"

_dispatcher = CeleryDispatcher(app)


class Request(Task[Any, Any]):
    """A task that a caller sends and waits for."""

    abstract = True
    ignore_result = False
    #: A caller's mistake is the caller's to read: no traceback in our log.
    throws = (UsageError,)
    #: No value of a cell in a log or an event.
    resultrepr_maxsize = 0

    def apply_async(self, args: Any = None, kwargs: Any = None, *more: Any, **options: Any) -> Any:
        """Send it; when it raises, nothing was sent, or the connection broke meanwhile.

        Raises:
            BadInputError: a worker would have to park it.
            BrokerDownError: the broker is away; within two seconds.
        """
        most = settings().broker.max_message_bytes
        if problem := sending_problem(args, kwargs, options, most_bytes=most):
            raise problem
        try:
            with sending(str(self.name)):
                headers = {**(options.pop("headers", None) or {}), **carried().get("headers", {})}
                options |= {"headers": headers} if headers else {}
                is_short = not more and is_plain(self, options)
                if not (is_short and options.get("ignore_result")):
                    # Asked before what would try for long: to subscribe, or to publish.
                    check_broker(redis_url(self.app.conf.result_backend))
                if is_short:
                    return send_plain(self, args or (), kwargs or {}, **options)
                options = {**shown_of(args or (), kwargs or {}), **options}
                return super().apply_async(args, kwargs, *more, **options)
        except (OperationalError, RedisError) as exc:
            raise BrokerDownError(
                f"the broker does not take {self.name} ({type(exc).__name__}); try again later"
            ) from exc

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Check the arguments' names before anything is done."""
        try:
            inspect.signature(self.run).bind(*args, **kwargs)
        except TypeError as exc:
            hint = f"{self.name} takes {names_of_arguments(inspect.signature(self.run))}"
            raise BadInputError("arguments", str(exc), hint=hint) from exc
        with taken_up(self, args):
            return self.run(*args, **kwargs)


@app.task(name="enrich.cell", bind=True, base=Request, Strategy=_GATHERED)
def enrich_cell(
    self: Task[Any, Any],
    table_id: str,
    row_id: str,
    column_key: str,
    force: bool | str = False,
    parallel_probes: bool = True,
    ensemble_fusion: bool | None = None,
    tenant: str = "default",
    max_cost: float | None = None,
) -> JsonObject:
    """Enrich one cell; the result is the cell as JSON.

    `force` is False, True (ask everybody again) or a level; `max_cost` is in credits.
    """
    asked = cell_asked(
        table_id, row_id, column_key, force, parallel_probes, ensemble_fusion, tenant, max_cost
    )
    return _cells(self, asked)


@app.task(name="enrich.row", bind=True, base=Request, Strategy=_GATHERED)
def enrich_row(
    self: Task[Any, Any],
    table_id: str,
    row_id: str,
    columns: Sequence[str] | None = None,
    force: bool | str = False,
    parallel_probes: bool = True,
    ensemble_fusion: bool | None = None,
    tenant: str = "default",
    max_cost: float | None = None,
) -> JsonObject:
    """Enrich cells of one row, all enriched columns by default; the result is {column: cell}."""
    asked = row_asked(
        table_id, row_id, columns, force, parallel_probes, ensemble_fusion, tenant, max_cost
    )
    return _cells(self, asked)


@app.task(name="enrich.rows", bind=True, base=Request)
def enrich_rows(
    self: Task[Any, Any],
    table_id: str,
    row_ids: Sequence[str],
    columns: Sequence[str] | None = None,
    force: bool | str = False,
    parallel_probes: bool = True,
    ensemble_fusion: bool | None = None,
    tenant: str = "default",
    max_cost: float | None = None,
) -> JsonObject:
    """Enrich rows of a table; the result is the run's summary."""
    selection = Selection(keys=names_of("row_ids", row_ids))
    options = options_of(force, parallel_probes, ensemble_fusion, max_cost)
    return _run(self, tenant, table_id, columns, selection, options)


@app.task(name="enrich.table", bind=True, base=Request)
def enrich_table(
    self: Task[Any, Any],
    table_id: str,
    columns: Sequence[str] | None = None,
    where: Mapping[str, Any] | None = None,
    force: bool | str = False,
    parallel_probes: bool = True,
    ensemble_fusion: bool | None = None,
    tenant: str = "default",
    max_cost: float | None = None,
    policy: str | None = None,
) -> JsonObject:
    """Enrich a table, or its rows with cells `where`; the result is the run's summary.

    `where` may hold `state` (a list), `older_than_s` and `confidence_below`.
    """
    options = options_of(force, parallel_probes, ensemble_fusion, max_cost, policy)
    selection, options = selection_of(where, options, services().parts.clock.now())
    return _run(self, tenant, table_id, columns, selection, options)


def _cells(task: Task[Any, Any], asked: Asked) -> JsonObject:
    """Answer at once from what is known, or begin a run and leave the answer to its end."""
    tenant, table, row, single = asked.wish.tenant, asked.wish.table, asked.row, asked.is_single
    parts = services().parts
    wanted = asked.wish.columns or enriched_columns(parts, tenant, table)
    to = ReplyTo(
        task_id=str(task.request.id),
        tenant=tenant,
        table=table,
        row=row,
        columns=wanted,
        single=single,
    )
    begun = begin(
        parts,
        CellsRequest(
            tenant=tenant,
            table=table,
            row=row,
            columns=wanted,
            options=asked.wish.options,
            reply_to=to.encode(),
        ),
    )
    if isinstance(begun, Known):
        return encoded(begun.results, single=single)
    raise _left_to_the_end(begun)


def _run(
    task: Task[Any, Any],
    tenant: str,
    table: str,
    columns: Sequence[str] | None,
    selection: Selection,
    options: RunOptions,
) -> JsonObject:
    table, tenant = name_of("table_id", table), name_of("tenant", tenant)
    parts = services().parts
    request = RunRequest(
        tenant=tenant,
        table=table,
        columns=columns_of(columns),
        selection=selection,
        options=options,
        reply_to=ReplyTo(task_id=str(task.request.id), tenant=tenant, table=table).encode(),
    )
    begun = submit(parts, request)
    if begun.run.state is RunState.DONE:
        tell_empty(app, services(), begun)
        return run_report(parts.runs.summary(tenant, begun.run.id))
    raise _left_to_the_end(begun)


def _left_to_the_end(begun: Submitted) -> Ignore:
    """Send a run's first steps; give what tells Celery that the result comes later.

    The run is stored: should the broker be away, the sweep sends it, and its end still answers.
    """
    try:
        _dispatcher.dispatch(begun.steps)
    except BrokerDownError as exc:
        log.warning("run.left_to_sweep", extra={"run": begun.run.id, "error": str(exc)})
    return Ignore()
