"""With what a worker is started."""

import pytest

from enrich.cli.workers import worker_program


def test_a_worker_keeps_few_arenas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MALLOC_ARENA_MAX", raising=False)

    assert worker_program("worker1").environment == {"MALLOC_ARENA_MAX": "2"}


def test_whoever_has_chosen_the_arenas_is_obeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MALLOC_ARENA_MAX", "8")

    assert worker_program("worker1").environment == {"MALLOC_ARENA_MAX": "8"}
