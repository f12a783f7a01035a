"""Names in addresses, with the examples of the documentation."""

from typing import Annotated, TypeAlias

from fastapi import Path

__all__ = ["ColumnKey", "ProviderName", "RowId", "TableId"]

TableId: TypeAlias = Annotated[str, Path(min_length=1, max_length=512, examples=["companies"])]
RowId: TypeAlias = Annotated[str, Path(min_length=1, max_length=512, examples=["row_123"])]
ColumnKey: TypeAlias = Annotated[str, Path(min_length=1, max_length=512, examples=["industry"])]
ProviderName: TypeAlias = Annotated[
    str, Path(min_length=1, max_length=100, examples=["company_facts"])
]
