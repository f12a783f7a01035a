"""Tables as files: read with every fault named by its line, written so that they can come back."""

from enrich.engine.tablefile.delimited import separator_of
from enrich.engine.tablefile.exporting import Export, prepare_export, write_csv, write_jsonl
from enrich.engine.tablefile.importing import ImportReport, import_table
from enrich.engine.tablefile.plan import NUMBERED, Plan, PlannedColumn, parse_mapping, plan_import
from enrich.engine.tablefile.reading import FORMATS, Record, TableFile, open_table
from enrich.engine.tablefile.source import STDIN, Limits

__all__ = [
    "FORMATS",
    "NUMBERED",
    "STDIN",
    "Export",
    "ImportReport",
    "Limits",
    "Plan",
    "PlannedColumn",
    "Record",
    "TableFile",
    "import_table",
    "open_table",
    "parse_mapping",
    "plan_import",
    "prepare_export",
    "separator_of",
    "write_csv",
    "write_jsonl",
]
