"""What the parts of an installation used meanwhile: processor time, memory, bytes.

Linux tells all of it of processes that are children of ours.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import psutil
import redis

from tests.benchmarks.throughput.ours import Installation

__all__ = ["Usage", "between", "read"]

_MIB = 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Totals at a moment: processor seconds by part, bytes by what holds or writes them.

    `workers_rss` is the largest worker of batches, `broker_bytes` what Valkey holds, `wire_bytes`
    what went in and out of it, `wal_bytes` what PostgreSQL wrote ahead, `table_bytes` its size.
    """

    workers_s: float
    postgres_s: float
    valkey_s: float
    workers_rss: int
    broker_bytes: int
    wire_bytes: int
    commands: int
    wal_bytes: int
    table_bytes: int
    commits: int


def read(it: Installation) -> Usage:
    """Read them now."""
    workers = [psutil.Process(pid) for name, pid in it.supervisor.pids.items()]
    bulk = [psutil.Process(p) for name, p in it.supervisor.pids.items() if name != "express"]
    with redis.Redis.from_url(it.services.endpoints.redis_url) as client:
        info = client.info()
        valkey = psutil.Process(info["process_id"])
    wal, tables, commits, postmaster = it.execute(
        """SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint,
                  pg_database_size(current_database()),
                  (SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()),
                  (SELECT min(pid) FROM pg_stat_activity WHERE backend_type = 'checkpointer')"""
    )[0]
    postgres = psutil.Process(postmaster).parent()
    assert postgres is not None
    return Usage(
        workers_s=_seconds(workers),
        postgres_s=_seconds([postgres, *postgres.children()]) + _ended_s(postgres),
        valkey_s=_seconds([valkey]),
        workers_rss=max(one.memory_info().rss for one in bulk),
        broker_bytes=info["used_memory"],
        wire_bytes=info["total_net_input_bytes"] + info["total_net_output_bytes"],
        commands=info["total_commands_processed"],
        wal_bytes=int(wal),
        table_bytes=int(tables),
        commits=int(commits),
    )


def between(before: Usage, after: Usage, *, rows: int, cells: int) -> Mapping[str, float]:
    """Give what was used a row or a cell, and memory in MiB at the end."""
    return {
        "worker_us_a_row": 1e6 * (after.workers_s - before.workers_s) / rows,
        "postgres_us_a_row": 1e6 * (after.postgres_s - before.postgres_s) / rows,
        "valkey_us_a_row": 1e6 * (after.valkey_s - before.valkey_s) / rows,
        "wal_bytes_a_cell": (after.wal_bytes - before.wal_bytes) / cells,
        "stored_bytes_a_cell": (after.table_bytes - before.table_bytes) / cells,
        "valkey_bytes_a_cell": (after.broker_bytes - before.broker_bytes) / cells,
        "valkey_wire_bytes_a_cell": (after.wire_bytes - before.wire_bytes) / cells,
        "valkey_commands_a_row": (after.commands - before.commands) / rows,
        "commits_a_row": (after.commits - before.commits) / rows,
        "worker_mib": after.workers_rss / _MIB,
        "valkey_mib": after.broker_bytes / _MIB,
    }


def _seconds(processes: Iterable[psutil.Process]) -> float:
    total = 0.0
    for one in processes:
        try:
            times = one.cpu_times()
        except psutil.NoSuchProcess:
            continue  # a backend that ended between the list and the question
        total += times.user + times.system
    return total


def _ended_s(parent: psutil.Process) -> float:
    times = parent.cpu_times()
    return float(times.children_user + times.children_system)
