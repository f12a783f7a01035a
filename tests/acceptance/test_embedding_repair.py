"""The embedding endpoint is away: jobs end all the same, and what they skipped is made up for."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.acceptance.service import Service, serving_all
from tests.integration.api_process import Caller
from tests.integration.embedding_server import EmbeddingServer, embedding_server
from tests.waiting import eventually

pytestmark = [pytest.mark.servers, pytest.mark.worker, pytest.mark.proof, pytest.mark.timeout(400)]

ADA = {"fullName": "Ada Lovelace", "skills": ["mathematics", "poetry"]}


@contextmanager
def embedding(*arguments: str) -> Iterator[tuple[Service, EmbeddingServer]]:
    """Run the whole service beside an embedding server that is down at first."""
    with embedding_server(small=48) as server:
        server.is_down = True
        settings = {
            "ENRICH_EMBEDDINGS__URL": server.url,
            "ENRICH_EMBEDDINGS__MODEL": "small",
            "ENRICH_PROVIDERS__NAMES": "scraper_demo",
            # A breaker that was opened meanwhile is to be tried again before the test's patience.
            "ENRICH_BREAKER__RESET_TIMEOUT_SECONDS": "2",
        }
        with serving_all(*arguments, settings=settings) as service:
            yield service, server


def submitted(caller: Caller) -> tuple[str, dict[str, Any]]:
    """Submit a profile and wait for its job; gives the candidate and the job."""
    candidate = f"c-{secrets.token_hex(4)}"
    wish = {"candidateId": candidate, "payload": {**ADA, "note": candidate}, "async": False}
    job: dict[str, Any] = caller.post("/v1/enrich/profile", wish).json()["job"]
    return candidate, job


def is_found(caller: Caller, candidate: str) -> bool:
    """Say whether the candidate is found by a sentence."""
    answer = caller.post("/v1/search", {"text": f"mathematics and poetry {candidate}"})
    return answer.status_code == 200 and candidate in answer.text


def test_what_was_skipped_is_made_up_for_by_the_command() -> None:
    with embedding("--no-beat") as (service, server):
        caller = service.caller()
        candidate, job = submitted(caller)
        refused = service.shell("embed", "repair", "--json")
        server.is_down = False

        assert (job["status"], job["result"]["embeddingUpserted"]) == ("completed", False)
        assert "503" in job["result"]["embeddingSkippedReason"]
        assert refused.returncode == 3
        assert "small" in refused.stdout
        assert eventually(lambda: service.shell("embed", "repair").returncode == 0, every_s=1)
        assert is_found(caller, candidate)
        assert submitted(caller)[1]["result"]["embeddingUpserted"] is True


def test_what_was_skipped_is_made_up_for_by_the_clock() -> None:
    with embedding() as (service, server):
        caller = service.caller()
        candidate, job = submitted(caller)
        server.is_down = False

        assert (job["status"], job["result"]["embeddingUpserted"]) == ("completed", False)
        assert "503" in job["result"]["embeddingSkippedReason"]
        assert eventually(lambda: is_found(caller, candidate), within_s=180, every_s=1)
        assert "enrich.embed_repair" in service.said()
