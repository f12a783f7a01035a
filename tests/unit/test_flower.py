"""Flower is guarded off loopback, and no list of processes shows its password."""

import pytest

from enrich.cli.workers import flower_program
from enrich.errors import SettingsError
from enrich.settings import load_settings

PASSWORD = "ops:a-canary-of-flower"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.5", "flower.example.com"])
def test_off_loopback_a_password_is_demanded(host: str) -> None:
    with pytest.raises(SettingsError, match="basic_auth"):
        load_settings({"ENRICH_FLOWER__HOST": host})


@pytest.mark.parametrize("given", ["ops", "ops:", ":secret", "ops:secret,bad"])
def test_a_password_without_its_half_is_refused_and_not_repeated(given: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings({"ENRICH_FLOWER__BASIC_AUTH": given})

    assert "secret" not in str(caught.value)


def test_on_loopback_without_a_password_nothing_can_be_done_with_it() -> None:
    program = flower_program(load_settings({}).flower)

    assert program.environment["FLOWER_ADDRESS"] == "127.0.0.1"
    assert program.environment["FLOWER_READ_ONLY"] == "true"


def test_its_password_is_in_no_command_and_hidden_from_logs() -> None:
    own = load_settings({"ENRICH_FLOWER__HOST": "0.0.0.0", "ENRICH_FLOWER__BASIC_AUTH": PASSWORD})
    program = flower_program(own.flower)

    assert "canary" not in " ".join(program.command)
    assert program.environment["FLOWER_BASIC_AUTH"] == PASSWORD
    assert {PASSWORD, "a-canary-of-flower"} <= set(own.secrets())
