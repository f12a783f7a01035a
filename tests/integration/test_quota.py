"""The rate of a tenant's requests: counted in Redis, told in standard fields, refused with 429."""

import asyncio
import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from fastapi import FastAPI, Request, Response

from enrich.api.asked import counted
from enrich.api.gathered import Gathered
from enrich.api.problems import ProblemError
from enrich.domain.access import Principal
from enrich.state.link import RedisLink
from enrich.state.quota import RedisQuota
from tests.contract.shared_world import Sums

pytestmark = pytest.mark.servers


@pytest.fixture
def quota(redis_url: str) -> Iterator[RedisQuota]:
    """Five requests an hour for each tenant."""
    link = RedisLink(redis_url, timeout_s=5.0)
    yield RedisQuota(link, allowed=5, window_s=3_600.0, recorder=Sums())
    link.close()


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as made:
        yield made


@pytest.fixture
def tenant() -> str:
    """A tenant that nobody has counted yet."""
    return f"t-{secrets.token_hex(6)}"


def test_a_tenant_has_its_requests_and_no_more(quota: RedisQuota, tenant: str) -> None:
    allowances = [quota.take(tenant) for _ in range(7)]

    assert [each.taken for each in allowances] == [True] * 5 + [False] * 2
    assert [each.left for each in allowances] == [4, 3, 2, 1, 0, 0, 0]
    assert 0 < allowances[-1].retry_s <= 3_600 / 5


def test_those_who_come_together_are_told_apart_how_it_stands(
    quota: RedisQuota, tenant: str
) -> None:
    three = quota.take_all([tenant, f"{tenant}-too", tenant, tenant])
    more = quota.take_all([tenant] * 4)

    assert [each.left for each in three] == [4, 4, 3, 2]
    assert [(each.taken, each.left) for each in more] == [
        (True, 1),
        (True, 0),
        (False, 0),
        (False, 0),
    ]


def test_askers_at_once_share_one_rate(quota: RedisQuota, tenant: str) -> None:
    with ThreadPoolExecutor(8) as pool:
        taken = [each.taken for each in pool.map(quota.take, [tenant] * 20)]

    assert taken.count(True) == 5


def test_another_tenant_has_a_rate_of_its_own(quota: RedisQuota, tenant: str) -> None:
    spent = [quota.take(tenant) for _ in range(6)]

    assert not spent[-1].taken
    assert quota.take(f"{tenant}-too").taken


def test_without_redis_every_request_is_taken(tenant: str) -> None:
    away = RedisQuota(RedisLink("redis://127.0.0.1:9/0"), allowed=1, window_s=60.0, recorder=Sums())

    assert [away.take(tenant).taken for _ in range(3)] == [True] * 3
    assert [(each.taken, each.left) for each in away.take_all([tenant] * 3)] == [(True, 1)] * 3


def test_an_answer_says_how_the_rate_stands_and_a_refusal_when_to_come_again(
    quota: RedisQuota, tenant: str, pool: ThreadPoolExecutor
) -> None:
    app, answer = FastAPI(), Response()
    app.state.quota = Gathered(quota.take_all, pool)
    request = Request({"type": "http", "app": app, "headers": []})
    principal = Principal(name="somebody", tenant=tenant, scopes=frozenset())

    let_in = [asyncio.run(counted(request, answer, principal)) for _ in range(5)]
    with pytest.raises(ProblemError) as refusal:
        asyncio.run(counted(request, Response(), principal))

    assert let_in == [principal] * 5
    told = [answer.headers[f"RateLimit-{name}"] for name in ("Limit", "Remaining")]
    assert told == ["5", "0"]
    assert 3_540 < int(answer.headers["RateLimit-Reset"]) <= 3_600
    assert refusal.value.status_code == 429
    assert 0 < int(refusal.value.headers["Retry-After"]) <= 720
