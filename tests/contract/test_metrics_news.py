"""What was counted since the last time: told once, and right after the sums were lost."""

import secrets
from collections.abc import Iterator

import pytest

from enrich.domain.metrics import Sums
from enrich.state.link import RedisLink
from enrich.state.metrics import RedisMetrics
from enrich.state.metrics_news import MetricsNews
from enrich.state.names import key_of

pytestmark = pytest.mark.servers


class Counted:
    """Counters in a Redis, and two who ask for the news."""

    def __init__(self, url: str) -> None:
        self.version = 1 + secrets.randbelow(900_000)
        self.link = RedisLink(url, timeout_s=5.0)
        self.metrics = RedisMetrics(self.link, version=self.version, flush_s=None)
        self.one, self.other = (MetricsNews(self.link, version=self.version) for _ in range(2))

    def count(self, amount: int) -> None:
        self.metrics.count("cells_written", amount)
        self.metrics.flush()

    def next_period(self) -> None:
        turn = key_of(self.version, "metrics", "", "turn")
        self.link.do(lambda client: client.delete(turn))

    def lose(self) -> None:
        sums = key_of(self.version, "metrics", "", "sums")
        self.link.do(lambda client: client.delete(sums))

    def told(self, news: MetricsNews) -> int | None:
        found = news.since_last(period_s=600.0)
        return None if found is None else _written(found.sums)


def _written(sums: Sums) -> int:
    return sums.total("cells_written")


@pytest.fixture
def counted(redis_url: str) -> Iterator[Counted]:
    """Seven cells, and a first reading."""
    made = Counted(redis_url)
    made.count(7)
    assert made.told(made.one) is None
    made.next_period()
    yield made
    made.link.close()


def test_only_what_came_since_is_told_and_to_one_of_them(counted: Counted) -> None:
    counted.count(3)

    assert [counted.told(counted.one), counted.told(counted.other)] == [3, None]


def test_the_next_period_begins_where_the_last_ended(counted: Counted) -> None:
    counted.count(3)
    counted.told(counted.one)
    counted.count(4)
    counted.next_period()

    assert counted.told(counted.other) == 4


def test_after_the_sums_were_lost_what_is_there_is_new(counted: Counted) -> None:
    counted.lose()
    counted.count(2)

    assert counted.told(counted.one) == 2
