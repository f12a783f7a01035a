"""Who waits for an end does not wait for long when nobody is there to bring it about."""

import asyncio

import pytest

from enrich.api.waiting import Patience, Waited, ended


@pytest.mark.parametrize(
    ("has_ended", "has_workers", "wait_s", "expected"),
    [
        pytest.param(True, False, 180.0, Waited.ENDED, id="ended-by-whoever-was-there"),
        pytest.param(False, False, 180.0, Waited.UNTAKEN, id="nobody-is-there"),
        pytest.param(False, True, 0.0, Waited.LATE, id="somebody-is-at-work"),
    ],
)
def test_a_wait_ends_when_it_is_in_vain(
    *, has_ended: bool, has_workers: bool, wait_s: float, expected: Waited
) -> None:
    patience = Patience(wait_s=wait_s, untaken_s=0.0, has_workers=lambda: has_workers)

    assert asyncio.run(ended(lambda: has_ended, patience)) is expected


def test_nobody_is_asked_after_workers_in_a_short_wait() -> None:
    asked: list[bool] = []

    def has_workers() -> bool:
        asked.append(True)
        return False

    patience = Patience(wait_s=0.0, untaken_s=5.0, has_workers=has_workers)

    assert asyncio.run(ended(lambda: False, patience)) is Waited.LATE
    assert asked == []
