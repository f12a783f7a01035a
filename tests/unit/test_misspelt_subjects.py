"""Erasing by a column's name: one that no table has is refused, not answered with nothing."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from enrich.domain.table import Column
from enrich.engine.desk import Desk
from enrich.engine.purge import Erased, erase_subject
from enrich.errors import UnknownNameError
from tests.unit.engine_world import World, world


class Nobody:
    """An erasure that finds nobody."""

    def subjects(self, *_: object, **__: object) -> tuple[Any, ...]:
        return ()

    def waiting_profiles(self, _: str) -> tuple[Any, ...]:
        return ()


def desk_of(own: World) -> Desk:
    """Give a desk over table `t` with `email`, and a table `notes` without it."""
    own.parts.rows.save_columns("default", "notes", [Column(key="text", field="text")])
    return cast(Desk, SimpleNamespace(parts=own.parts, erasure=Nobody()))


@pytest.mark.parametrize(
    ("column", "table", "sentence"),
    [
        pytest.param(
            "emial", None, "there is no column 'emial' in any table; did you mean 'email'?",
            id="in no table",
        ),
        pytest.param(
            "emial", "t", "there is no column 'emial' in table 't'; did you mean 'email'?",
            id="not in this table",
        ),
        pytest.param(
            "email", "notes", "there is no column 'email' in table 'notes'; known: text",
            id="in another table",
        ),
        pytest.param(
            "email", "nots", "there is no table 'nots'; did you mean 'notes'?", id="no such table"
        ),
    ],
)  # fmt: skip
def test_a_name_that_nothing_has_is_refused_with_the_nearest(
    column: str, table: str | None, sentence: str
) -> None:
    with world() as own, pytest.raises(UnknownNameError) as refused:
        erase_subject(desk_of(own), "default", column, "ada@acme.com", table=table, actor="a")

    assert str(refused.value) == sentence


@pytest.mark.parametrize(
    ("tenant", "table"),
    [
        pytest.param("default", None, id="one table has it"),
        pytest.param("default", "t", id="this table has it"),
        pytest.param("stranger", None, id="a tenant without tables"),
    ],
)
def test_nobody_of_that_value_is_no_error(tenant: str, table: str | None) -> None:
    with world() as own:
        erased = erase_subject(
            desk_of(own), tenant, "email", "ada@acme.com", table=table, actor="a"
        )

    assert erased == Erased()
