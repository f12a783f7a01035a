"""Which folder is home: the nearest one upwards, and a new one for who begins something."""

import os
from pathlib import Path

import pytest

from enrich import embedded
from enrich.bootstrap.home import at_home, beginning, is_begun, refuse_to_begin
from enrich.embedded import Server
from enrich.errors import BadInputError, SettingsError
from enrich.settings import load_settings

_ONLY_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give folders away")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder two below one that may become home, in which we work and nothing is named."""
    work = tmp_path / "work"
    below = work / "docs" / "examples"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    monkeypatch.delenv("ENRICH_HOME", raising=False)
    return work


def _home() -> Path:
    return at_home(load_settings(os.environ)).home


def test_the_nearest_home_upwards_is_meant(folder: Path) -> None:
    (folder / ".enrich").mkdir()
    (folder.parent / ".enrich").mkdir()

    assert _home() == folder / ".enrich"


def test_a_home_in_the_working_folder_comes_first(folder: Path) -> None:
    (folder / ".enrich").mkdir()
    Path(".enrich").mkdir()

    assert _home() == folder / "docs" / "examples" / ".enrich"


def test_a_new_home_would_lie_in_the_working_folder(folder: Path) -> None:
    (folder / ".enrich").write_text("a file is no home")

    assert _home() == folder / "docs" / "examples" / ".enrich"


def test_a_home_that_is_named_is_taken_as_it_is(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / ".enrich").mkdir()
    monkeypatch.setenv("ENRICH_HOME", "elsewhere")

    assert _home() == Path("elsewhere")
    with beginning(allowed=False):
        refuse_to_begin(_home())


@_ONLY_ROOT
def test_somebody_elses_home_above_is_not_ours(folder: Path) -> None:
    (folder / ".enrich").mkdir()
    os.chown(folder / ".enrich", 65534, 65534)

    assert _home() == folder / "docs" / "examples" / ".enrich"


@pytest.fixture
def strangers(folder: Path) -> Path:
    """A home of somebody else in the working folder."""
    home = folder / "docs" / "examples" / ".enrich"
    home.mkdir()
    os.chown(home, 65534, 65534)
    return home


@_ONLY_ROOT
def test_somebody_elses_home_in_the_working_folder_is_refused(strangers: Path) -> None:
    with pytest.raises(SettingsError, match="belongs to another user") as caught:
        _home()

    assert str(strangers) in str(caught.value)


@_ONLY_ROOT
def test_ours_above_comes_before_somebody_elses_here(folder: Path, strangers: Path) -> None:
    (folder / ".enrich").mkdir()

    assert _home() == folder / ".enrich" != strangers


@_ONLY_ROOT
@pytest.mark.usefixtures("strangers")
def test_who_needs_no_home_is_not_refused(folder: Path) -> None:
    addresses = {"DATABASE_URL": "postgresql://db/x", "REDIS_URL": "redis://cache/0"}

    assert at_home(load_settings(addresses)).home.parent == folder / "docs" / "examples"


@_ONLY_ROOT
def test_somebody_elses_home_that_is_named_is_taken(
    strangers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENRICH_HOME", str(strangers))

    assert _home() == strangers


def test_who_only_looks_begins_nothing(folder: Path) -> None:
    with beginning(allowed=False), pytest.raises(BadInputError) as caught:
        refuse_to_begin(_home())

    assert str(folder / "docs" / "examples") in str(caught.value)
    assert caught.value.exit_code == 2


def test_who_begins_something_may(folder: Path) -> None:
    with beginning(allowed=True):
        refuse_to_begin(_home())

    assert not (folder / "docs" / "examples" / ".enrich").exists()


@pytest.mark.parametrize(
    ("held", "expected"),
    [
        pytest.param("postgres", True, id="a-database"),
        pytest.param("valkey", False, id="another-server"),
        pytest.param("keyring", False, id="no-server"),
    ],
)
def test_a_home_is_begun_when_it_holds_what_is_lacking(
    folder: Path, held: str, expected: bool
) -> None:
    (folder / held).mkdir()

    assert is_begun(folder, [Server.POSTGRES]) is expected


def test_a_working_folder_that_was_removed_is_no_fault(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = folder / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    own = load_settings(os.environ)
    gone.rmdir()

    assert at_home(own) == own
    os.chdir(folder)


@pytest.mark.parametrize(
    ("home", "are_ours"),
    [pytest.param("work", True, id="of-this-home"), pytest.param("other", False, id="of-another")],
)
def test_addresses_of_the_home_s_own_servers_count_as_none(
    folder: Path, home: str, are_ours: bool
) -> None:
    (folder / ".enrich").mkdir()
    told = embedded.endpoints(folder.parent / home / ".enrich")
    addresses = {
        "DATABASE_URL": told.database_url,
        "REDIS_URL": told.redis_url,
        "ENRICH_BROKER__URL": told.broker_url,
    }

    own = at_home(load_settings(addresses))

    assert [own.database_url is None, own.redis_url is None, own.broker_url is None] == [
        are_ours
    ] * 3
