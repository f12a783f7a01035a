"""With what a worker is started."""

import sys

import pytest

from enrich.cli.workers import beat_program, flower_program, worker_program
from enrich.embedded.processes import Program
from enrich.settings import FlowerSettings


def test_a_worker_keeps_few_arenas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MALLOC_ARENA_MAX", raising=False)

    assert worker_program("worker1").environment == {"MALLOC_ARENA_MAX": "2"}


def test_whoever_has_chosen_the_arenas_is_obeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MALLOC_ARENA_MAX", "8")

    assert worker_program("worker1").environment == {"MALLOC_ARENA_MAX": "8"}


@pytest.mark.parametrize(
    "program",
    [worker_program("worker1"), beat_program(), flower_program(FlowerSettings())],
    ids=["worker", "beat", "flower"],
)
def test_no_banner_stands_before_the_key_that_is_shown_once(program: Program) -> None:
    assert program.command[:6] == [sys.executable, "-m", "celery", "-A", "tasks", "--quiet"]
