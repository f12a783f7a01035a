"""Parquet holds the same values, as numbers where all of a column's are."""

import sys
from pathlib import Path

import pyarrow.parquet
import pytest

from enrich.domain.values import JsonObject
from enrich.engine.tablefile import Export
from enrich.engine.tablefile.parquet import require, write_parquet
from enrich.errors import BadInputError

_ROWS: list[JsonObject] = [
    {"id": "1", "count": 1, "share": 1.5, "flag": True, "big": 2**70, "mixed": [1], "none": None},
    {"id": "2", "count": 2, "share": 2, "flag": None, "big": 1, "mixed": "=x", "none": None},
]


def test_rows_come_back_in_their_kinds(tmp_path: Path) -> None:
    export = Export(names=tuple(_ROWS[0]), fields={}, guarded=False, rows=lambda: iter(_ROWS))

    count = write_parquet(export, tmp_path / "t.parquet")

    assert count == 2
    assert pyarrow.parquet.read_table(tmp_path / "t.parquet").to_pylist() == [
        _ROWS[0] | {"big": str(2**70), "mixed": "[1]"},
        _ROWS[1] | {"big": "1"},
    ]


def test_missing_package_is_bad_usage_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)

    with pytest.raises(BadInputError, match=r"pip install 'enrich-engine\[parquet\]'"):
        require()
