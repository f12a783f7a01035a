"""A provider of one's own through the shell's commands: begun, checked, tried; no server needed."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from enrich.bootstrap import settings
from enrich.cli.main import cli
from enrich.cli.simulate import environment_of, specs_served
from enrich.domain.outcome import Found
from enrich.domain.provider import Query
from enrich.errors import BadInputError, UsageError
from enrich.ports import Deadline
from providers.base import SystemClock
from providers.catalogued import Catalogue, elsewhere
from providers.credentials import StoredCredentials
from providers.simulator import Simulator
from tests.specs import spec_of

Shell = Callable[..., Result]


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shell]:
    """Run a command with an empty folder of providers."""
    folder = tmp_path / "vendors"
    folder.mkdir()
    monkeypatch.setenv("ENRICH_PROVIDERS__DIRECTORY", str(folder))
    settings.cache_clear()
    yield lambda *arguments: CliRunner().invoke(cli, ["providers", *arguments])
    settings.cache_clear()


def _new(own: Shell, name: str = "acme_data") -> Path:
    return Path(own("new", name).stdout.strip())


def test_a_new_provider_is_whole_and_answers_from_its_examples(own: Shell) -> None:
    path = _new(own)

    checked = own("check", str(path))
    tried = json.loads(own("try", "acme_data", "--input", "domain=example.com", "--json").stdout)

    assert (checked.exit_code, checked.stderr) == (0, "")
    assert tried["sends"] == "GET https://api.example.com/v1/companies/example.com"
    assert tried["outcome"]["observations"]["employees"][0] == 1200


def test_what_keeps_a_provider_from_being_asked_is_shown(own: Shell) -> None:
    _new(own)

    told = {name: json.loads(own(name, "--json").stdout)["off"] for name in ("acme_data", "gleif")}

    assert told == {
        "acme_data": "needs a key: see `enrich credentials`",
        "gleif": "set ENRICH_PROVIDERS__CATALOGUE=true",
    }


def test_a_fault_is_told_with_file_and_line_and_keeps_nobody_else_away(own: Shell) -> None:
    bad = _new(own, "bad_one")
    _new(own, "good_one")
    bad.write_text(bad.read_text().replace("prior = 0.9 ", "prior = 9 "))
    line = 1 + bad.read_text()[: bad.read_text().index("prior = 9 ")].count("\n")

    checked, listed = own("check", str(bad)), own()

    assert checked.exit_code == 2
    problem = "response.fields.company_name.prior: must be less than 1"
    assert checked.stdout == f"{bad}:{line}: {problem}\n"
    assert "good_one" in listed.stdout
    assert f"left out: {bad}, line {line}: {problem}" in listed.stderr


def test_an_outcome_without_an_example_does_not_pass(own: Shell) -> None:
    path = _new(own)
    path.write_text(path.read_text().partition('[[example]]\nname = "nobody"')[0])

    checked = own("check", str(path))

    assert checked.exit_code == 2
    line = path.read_text().partition("status = 200")[0].count("\n")
    assert f"{path}:{line}: no [[example]] of credits_exhausted" in checked.stdout
    assert "no [[example]] of unavailable" in checked.stdout


def test_a_header_or_a_status_that_no_reply_has_is_doubted(own: Shell) -> None:
    path = _new(own)
    rule = 'status = 420\noutcome = "rate_limited"\nretry_at = [{ header = "Retry-Aftr" }]\n'
    path.write_text(
        path.read_text().replace("[[outcomes]]", f"[[outcomes]]\n{rule}[[outcomes]]", 1)
    )

    checked = own("check", str(path))

    assert checked.exit_code == 0
    assert (
        "outcomes[0] (rate_limited) is the first rule to hold for no [[example]]" in checked.stderr
    )
    assert "reads the header 'Retry-Aftr', which no [[example]] has" in checked.stderr


def test_an_example_says_when_the_provider_wants_to_be_asked_again(own: Shell) -> None:
    path = _new(own)
    path.write_text(path.read_text().replace('Retry-After = "7"', 'Retry-Aftr = "7"'))

    checked = own("check", str(path))

    assert checked.exit_code == 2
    assert "too many: wants to be asked again in 60 s, not in 7 s" in checked.stdout


def test_a_field_that_is_none_is_named_by_those_that_mean_it(own: Shell) -> None:
    path = _new(own)
    path.write_text(path.read_text().replace("\nfounded = {", "\nheadcount = {"))

    checked = own("check", str(path))

    assert "no field 'headcount'" in checked.stdout
    assert "`enrich providers fields` lists all" in checked.stdout


def test_a_list_that_goes_into_a_pipe_has_lines_that_can_be_read(own: Shell) -> None:
    assert max(map(len, own().stdout.splitlines())) < 300


def test_a_name_of_the_catalogue_is_not_taken_twice(own: Shell) -> None:
    path = _new(own).rename(_new(own, "other").with_name("gleif.toml"))
    path.write_text(path.read_text().replace('"acme_data"', '"gleif"'))

    assert "the catalogue has 'gleif' already" in own().stderr


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["new", "Acme"], "words of a-z and 0-9"),
        (["new", "hunter_companies"], "the catalogue has 'hunter_companies' already"),
        (["try", "gleif", "--input", "leii=1"], "did you mean 'lei'"),
        (["try", "gleif", "--input", "lei"], "is no FIELD=VALUE"),
        (["try", "gleiff"], "did you mean 'gleif'"),
        (["gleiff"], "did you mean 'gleif'"),
    ],
    ids=["name", "taken", "field", "pair", "provider", "shown"],
)
def test_bad_usage_is_one_sentence(own: Shell, arguments: list[str], problem: str) -> None:
    done = own(*arguments)

    assert isinstance(done.exception, UsageError)
    assert problem in str(done.exception)


def test_a_file_is_simulated_at_the_address_that_its_lines_direct_the_engine_to(own: Shell) -> None:
    path = _new(own)
    specs = specs_served([str(path)])

    with Simulator(specs) as simulator:
        told = environment_of(simulator.url, specs, path.parent)
        catalogue = Catalogue(
            StoredCredentials({"acme_data": told["ENRICH_CREDENTIALS__ACME_DATA"]}),
            with_catalogue=False,
            directory=Path(told["ENRICH_PROVIDERS__DIRECTORY"]),
            base_url=told["ENRICH_PROVIDERS__BASE_URL"],
        )
        query = Query(row=1, inputs={"domain": "simulated.example"})
        deadline = Deadline(SystemClock().monotonic_s() + 60)
        (answer,) = catalogue.providers["acme_data"].ask([query], deadline)
        catalogue.close()

    assert isinstance(answer.outcome, Found)
    assert answer.outcome.observations["domain"].value == "simulated.example"


def test_a_simulator_of_ones_own_knows_its_names(own: Shell) -> None:
    path = _new(own)

    shown = environment_of("http://127.0.0.1:1", specs_served(["acme_data"]), path.parent)

    assert shown["ENRICH_PROVIDERS__DIRECTORY"] == str(path.parent)
    assert "ENRICH_PROVIDERS__CATALOGUE" not in shown
    assert {"gleif", "acme_data"} <= {spec.name for spec in specs_served([])}


def test_a_simulated_address_keeps_its_path() -> None:
    there = elsewhere(spec_of(base_url="https://api.example.com/v2"), "http://127.0.0.1:1")

    assert there.base_url == "http://127.0.0.1:1/acme/v2"


def test_files_of_two_folders_are_not_simulated_as_if_workers_read_both(
    own: Shell, tmp_path: Path
) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        _new(own, f"vendor_{name}").rename(tmp_path / name / f"vendor_{name}.toml")

    done = CliRunner().invoke(cli, ["simulate", *map(str, tmp_path.glob("*/vendor_*.toml"))])

    assert isinstance(done.exception, BadInputError)
    assert "files of 2 folders" in str(done.exception)
