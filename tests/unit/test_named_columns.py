"""Which columns a request names: those of its keys, or of the fields that it names."""

import pytest

from enrich.cli.tables import keys_of
from enrich.domain.table import Column
from enrich.engine.submit import RunRequest, submit
from enrich.errors import BadInputError, UnknownNameError
from enrich.ports import RowStore
from enrich.store.memory import MemoryRowStore
from tests.unit.batches import COMPANY, DOMAIN
from tests.unit.engine_world import world


@pytest.fixture
def rows() -> RowStore:
    """A table with a column `web_site`, and two that mean a city."""
    made = MemoryRowStore()
    fields = {
        "web_site": "website",
        "city": "city",
        "town": "city",
        "hq": "region",
        "area": "region",
    }
    made.save_columns("default", "t", [Column(key=key, field=fields[key]) for key in fields])
    return made


@pytest.mark.parametrize(
    ("names", "keys"),
    [
        pytest.param(("website",), ("web_site",), id="the field of a column"),
        pytest.param(("website", "web_site"), ("web_site",), id="one column by both"),
        pytest.param(("city",), ("city",), id="a key that is also the field of another"),
        pytest.param(("employees",), ("employees",), id="neither"),
        pytest.param(None, None, id="none"),
    ],
)
def test_a_name_is_a_column_or_the_field_of_one(
    rows: RowStore, names: tuple[str, ...] | None, keys: tuple[str, ...] | None
) -> None:
    assert keys_of(rows, "default", "t", names) == keys


def test_a_field_of_several_columns_names_none_of_them(rows: RowStore) -> None:
    with pytest.raises(BadInputError, match="'region' is the field of 'area' and 'hq'; name one"):
        keys_of(rows, "default", "t", ("region",))


def test_names_are_looked_for_in_a_table_that_is_there(rows: RowStore) -> None:
    with pytest.raises(UnknownNameError, match="nobody"):
        keys_of(rows, "default", "nobody", ("website",))


@pytest.mark.parametrize(
    ("name", "way_out"),
    [
        pytest.param("website", "; add it with `enrich columns t add website`", id="a field"),
        pytest.param("email", "; that field is in 'mail'", id="the field of a column"),
        pytest.param("shoesize", "; known: company, domain, mail", id="neither"),
    ],
)
def test_a_request_for_a_field_that_is_no_column_is_told_the_way_out(
    name: str, way_out: str
) -> None:
    columns = (Column(key="mail", field="email"), DOMAIN, COMPANY)
    with world(columns=columns, emails=()) as own, pytest.raises(UnknownNameError) as refused:
        submit(own.parts, RunRequest(table="t", columns=(name,)))

    assert str(refused.value).endswith(way_out)
