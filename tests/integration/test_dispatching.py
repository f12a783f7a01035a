"""Sending steps while the broker is away."""

import socket

import pytest
from celery import Celery

from enrich.domain.run import BatchRef, Phase, Step, StepKind
from enrich.errors import BrokerDownError
from tasks.canvas import CeleryDispatcher

REF = BatchRef(run_id=1, number=1, attempt=1, phase=Phase.PROBE)


@pytest.fixture
def absent_url() -> str:
    """The address of a server that is not there."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return f"redis://127.0.0.1:{held.getsockname()[1]}/0"


@pytest.mark.parametrize(
    "providers", [pytest.param((), id="one-message"), pytest.param(("a", "b"), id="a-chord")]
)
def test_an_absent_broker_is_told_in_our_words(absent_url: str, providers: tuple[str, ...]) -> None:
    app = Celery("absent", broker=absent_url, backend=absent_url)
    step = Step(kind=StepKind.PROBE, batch=REF, providers=providers)

    with pytest.raises(BrokerDownError):
        CeleryDispatcher(app).dispatch([step])
