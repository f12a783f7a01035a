"""What a worker looks at before it takes its first message."""

from typing import Any

import pytest

from enrich.settings import load_settings
from tasks.startup import check_limits, check_redis

CONF: dict[str, Any] = {"broker_transport_options": {"visibility_timeout": 120}}
INFO = {
    "redis_version": "7.2.4",
    "valkey_version": "9.1.2",
    "maxmemory_policy": "noeviction",
    "maxmemory": 0,
    "used_memory": 1_000_000,
}


def test_default_limits_fit_together() -> None:
    assert check_limits(load_settings({}), CONF).verdict == "ok"


@pytest.mark.parametrize(
    ("environment", "conf", "named"),
    [
        pytest.param({}, {"task_time_limit": 120}, "task_time_limit: 120 s", id="hard-limit"),
        pytest.param(
            {
                "ENRICH_PROBES__TIMEOUT_SECONDS": "130",
                "ENRICH_RUNS__LEASE_SECONDS": "140",
                "ENRICH_SINGLEFLIGHT__LEASE_SECONDS": "140",
                "ENRICH_BREAKER__PERMIT_SECONDS": "140",
            },
            {},
            "ENRICH_PROBES__TIMEOUT_SECONDS: 130 s",
            id="probe",
        ),
    ],
)
def test_k03_work_that_outlives_its_message_is_refused(
    environment: dict[str, str], conf: dict[str, Any], named: str
) -> None:
    found = check_limits(load_settings(environment), CONF | conf)

    assert (found.verdict, found.exit_code) == ("bad", 2)
    assert found.says.startswith(named)


@pytest.mark.parametrize(
    ("name", "info", "production", "verdict"),
    [
        pytest.param("broker", {}, True, "ok", id="good"),
        pytest.param("broker", {"maxmemory_policy": "allkeys-lru"}, True, "bad", id="forgetful"),
        pytest.param(
            "broker", {"maxmemory_policy": "volatile-lru"}, False, "note", id="forgetful-at-home"
        ),
        pytest.param("redis", {"maxmemory_policy": "allkeys-lru"}, True, "ok", id="cache-may"),
        pytest.param("redis", {"redis_version": "6.0.16"}, False, "bad", id="too-old"),
        pytest.param("broker", {"maxmemory": 1_050_000}, True, "note", id="nearly-full"),
    ],
)
def test_server_is_judged_by_what_it_says(
    name: str, info: dict[str, Any], production: bool, verdict: str
) -> None:
    assert check_redis(name, INFO | info, production=production).verdict == verdict
