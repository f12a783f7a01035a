"""`enrich smoke` and `enrich bench`: a running installation tried from outside, over HTTP."""

import json
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import ceil
from typing import Any

import click
import requests

from enrich.bootstrap import settings
from enrich.cli.keys import create_key
from enrich.cli.output import as_json_option, print_facts, print_json, print_table
from enrich.cli.services import opened
from enrich.domain.access import Scope
from enrich.errors import DependencyError, RunFailedError

__all__ = ["bench_command", "quantile", "smoke_command"]

_TENANT = "smoke"
_SCOPES = frozenset({Scope.READ, Scope.ENRICH})
_TIMEOUT_S = 200.0
_PROFILE = {"fullName": "Ada Lovelace", "employer": "Apple Inc.", "skills": ["mathematics"]}


@dataclass(frozen=True, slots=True)
class _Caller:
    """A session with the interface, as somebody who has a key."""

    url: str
    session: requests.Session = field(default_factory=requests.Session)

    def ask(self, method: str, path: str, body: object = None) -> requests.Response:
        try:
            return self.session.request(method, self.url + path, json=body, timeout=_TIMEOUT_S)
        except requests.RequestException as exc:
            raise DependencyError(
                f"the interface does not answer at {self.url} ({type(exc).__name__}); "
                "`enrich up` or `enrich api` starts it, --url says where it is"
            ) from exc

    def json(self, method: str, path: str, body: object = None) -> Mapping[str, Any]:
        answer = self.ask(method, path, body)
        if not answer.ok:
            raise RunFailedError(f"{method} {path} is answered {answer.status_code}")
        found: Mapping[str, Any] = answer.json()
        return found


@click.command("smoke")
@click.option("--url", help="Where the interface is; default: where the settings say.")
@as_json_option
def smoke_command(*, url: str | None, as_json: bool) -> None:
    """Send one profile through a running installation, from the door to its end.

    The key it needs lives as long as the command; what it stores is of the tenant `smoke`.
    """
    with _caller(url) as caller:
        found = [_tried(name, check) for name, check in _checks(caller)]
    if as_json:
        print_json([{"check": n, "ok": not said, "ms": ms, "said": said} for n, said, ms in found])
    else:
        rows = [(name, said or "ok", f"{ms:.0f} ms") for name, said, ms in found]
        print_table(("check", "result", "took"), rows)
    if failed := [name for name, said, _ in found if said]:
        raise RunFailedError(f"not well: {', '.join(failed)}")


@click.command("bench")
@click.option("--jobs", type=click.IntRange(1, 100_000), default=50, show_default=True)
@click.option("--concurrency", type=click.IntRange(1, 256), default=10, show_default=True)
@click.option("--url", help="Where the interface is; default: where the settings say.")
@as_json_option
def bench_command(*, jobs: int, concurrency: int, url: str | None, as_json: bool) -> None:
    """Send many profiles at once to a running installation, and wait for each.

    Latency is from the request to the end of its job, as a caller sees it.
    """
    with _caller(url) as caller, ThreadPoolExecutor(concurrency) as pool:
        caller.json("GET", "/health/ready")
        began_s = time.monotonic()
        ended = list(pool.map(lambda _: _one_job(caller), range(jobs)))
        took_s = time.monotonic() - began_s
    report = _report(ended, took_s, concurrency)
    if as_json:
        print_json(report)
    else:
        print_facts((name.replace("_", " "), value) for name, value in report.items())
    if report["failed"]:
        raise RunFailedError(f"{report['failed']} of {jobs} jobs did not complete")


def quantile(ordered: Sequence[float], share: float) -> float:
    """Give the value that this share (0 to 1) of ordered values does not exceed; 0 without any."""
    return ordered[max(0, ceil(share * len(ordered)) - 1)] if ordered else 0.0


@contextmanager
def _caller(url: str | None) -> Iterator[_Caller]:
    own = settings().api
    with opened() as services:
        key, secret = create_key(services, _TENANT, "trial", _SCOPES, days=1)
        caller = _Caller((url or f"http://{own.host}:{own.port}").rstrip("/"))
        caller.session.headers.update({"Authorization": f"Bearer {secret}", "X-Tenant-ID": _TENANT})
        try:
            yield caller
        finally:
            caller.session.close()
            services.access_keys.revoke(key.prefix)


def _checks(caller: _Caller) -> Iterator[tuple[str, Callable[[], object]]]:
    wish = _profile()
    yield "lives", lambda: caller.json("GET", "/health/live")
    yield "can work", lambda: caller.json("GET", "/health/ready")
    yield "profile", lambda: _completed(caller, wish)
    yield "same job again", lambda: _same_job(caller, wish)
    yield "refuses strangers", lambda: _refused(caller)
    yield "metrics", lambda: caller.json("GET", "/v1/metrics")


def _tried(name: str, check: Callable[[], object]) -> tuple[str, str, float]:
    began_s = time.monotonic()
    try:
        check()
        said = ""
    except RunFailedError as exc:
        said = str(exc)
    return name, said, (time.monotonic() - began_s) * 1000


def _profile() -> dict[str, Any]:
    payload = {**_PROFILE, "note": secrets.token_hex(8)}
    return {"candidateId": f"trial-{secrets.token_hex(8)}", "payload": payload, "async": False}


def _completed(caller: _Caller, wish: Mapping[str, Any]) -> str:
    job = caller.json("POST", "/v1/enrich/profile", wish)["job"]
    if job["status"] != "completed":
        raise RunFailedError(f"the job is {job['status']}: {json.dumps(job.get('error'))}")
    return str(job["jobId"])


def _same_job(caller: _Caller, wish: Mapping[str, Any]) -> None:
    if _completed(caller, wish) != _completed(caller, wish):
        raise RunFailedError("an equal profile became another job")


def _refused(caller: _Caller) -> None:
    answer = requests.get(f"{caller.url}/v1/runs", timeout=_TIMEOUT_S)
    if answer.status_code != 401:
        raise RunFailedError(f"a stranger is answered {answer.status_code}")


def _one_job(caller: _Caller) -> tuple[str, float]:
    began_s = time.monotonic()
    try:
        _completed(caller, _profile())
        end = "completed"
    except (RunFailedError, DependencyError) as exc:
        end = str(exc)
    return end, time.monotonic() - began_s


def _report(ended: Sequence[tuple[str, float]], took_s: float, concurrency: int) -> dict[str, Any]:
    ends = Counter(end for end, _ in ended)
    good = sorted(took * 1000 for end, took in ended if end == "completed")
    return {
        "jobs": len(ended),
        "concurrency": concurrency,
        "completed": ends.pop("completed", 0),
        "failed": sum(ends.values()),
        "failures": dict(ends),
        "seconds": round(took_s, 3),
        "jobs_per_second": round(len(good) / took_s, 2) if took_s else 0.0,
        **{f"p{n}_ms": round(quantile(good, n / 100), 1) for n in (50, 95, 99)},
        "max_ms": round(good[-1], 1) if good else 0.0,
    }
