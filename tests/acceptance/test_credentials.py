"""Keys through the shell: kept, listed masked, sealed anew, removed."""

from dataclasses import replace

import pytest

from tests.acceptance.shell import Shell

pytestmark = pytest.mark.servers

CANARY = "canary-0123456789-wxyz"


def test_a_key_is_kept_listed_masked_resealed_and_removed(
    shell: Shell, empty_database_url: str
) -> None:
    # What is sealed anew is all that a database holds, and others keep keys in the shared one.
    ring = shell("credentials", "new-key").stdout.strip()
    place = {"DATABASE_URL": empty_database_url, "ENRICH_KEYRING__KEYS": ring}
    own = replace(shell, environment={**shell.environment, **place})
    own("migrate")
    (shell.folder / "key.txt").write_text(CANARY)

    with (shell.folder / "key.txt").open() as key:
        added = own("credentials", "add", "hunter", "--tenant", "keys", stdin=key)
    resealed = own("credentials", "rotate-key")
    listed = own.json("credentials", "list", "--tenant", "keys")
    removed = own("credentials", "remove", "hunter", "--tenant", "keys")

    assert [done.returncode for done in (added, resealed, removed)] == [0, 0, 0]
    assert [(one["credential"], one["name"], one["key"]) for one in listed] == [
        ("hunter", "main", "…wxyz")
    ]
    assert CANARY not in "".join(f"{d.stdout}{d.stderr}" for d in (added, resealed, removed))
