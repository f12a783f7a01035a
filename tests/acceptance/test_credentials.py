"""Keys through the shell: kept, listed masked, sealed anew, removed."""

from dataclasses import replace

import pytest

from tests.acceptance.shell import Shell

pytestmark = pytest.mark.servers

CANARY = "canary-0123456789-wxyz"


@pytest.fixture
def own(shell: Shell, empty_database_url: str) -> Shell:
    """A shell whose database and keyring are its own: what is sealed anew is all of them."""
    ring = shell("credentials", "new-key").stdout.strip()
    place = {"DATABASE_URL": empty_database_url, "ENRICH_KEYRING__KEYS": ring}
    own = replace(shell, environment={**shell.environment, **place})
    own("migrate")
    return own


def test_a_key_is_kept_listed_masked_resealed_and_removed(own: Shell) -> None:
    added = own("credentials", "add", "hunter", "--tenant", "keys", input=CANARY)
    models = [own("credentials", "add", name, input=CANARY) for name in ("embeddings", "llm")]
    resealed = own("credentials", "rotate-key")
    listed = own.json("credentials", "list", "--tenant", "keys")
    removed = own("credentials", "remove", "hunter", "--tenant", "keys")

    assert [done.returncode for done in (added, *models, resealed, removed)] == [0] * 5
    assert [(one["credential"], one["name"], one["key"]) for one in listed] == [
        ("hunter", "main", "…wxyz")
    ]
    assert CANARY not in "".join(f"{d.stdout}{d.stderr}" for d in (added, resealed, removed))
