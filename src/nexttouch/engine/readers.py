"""A batch as SQL that reads it, and the type of each of its columns."""

from __future__ import annotations

# ruff: noqa: S608 - every identifier and literal goes through columns.literal
import csv
import gzip
from typing import TYPE_CHECKING, Any

from nexttouch.engine.columns import literal
from nexttouch.errors import DataCheckError

if TYPE_CHECKING:
    from collections.abc import Callable

    from nexttouch.engine.sources import Batch
    from nexttouch.events.spec import CsvSpec

__all__ = ["reader_of"]


def reader_of(
    batch: Batch, written: CsvSpec, wanted: set[str], rows: Callable[[str], list[tuple[Any, ...]]]
) -> tuple[str, dict[str, str]]:
    """Return SQL that reads a batch, and the SQL type of each column.

    Text files are read as text throughout, so that ids stay as they are written.

    Parameters
    ----------
    batch : Batch
        A table must be registered as ``handed_over``.
    written : CsvSpec
        How a text file is written.
    wanted : set of str
        Mapped columns.
    rows : callable
        Runs SQL and returns its rows.
    """
    files = "[" + ", ".join(map(literal, batch.paths)) + "]"
    if batch.format == "csv":
        return _csv(batch, written, files)
    if batch.format == "jsonl":
        columns = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in sorted(wanted))
        relation = (
            f"read_json({files}, format = 'newline_delimited', columns = {{{columns}}}, "
            "ignore_errors = true)"
        )
        return relation, dict.fromkeys(_json_keys(files, wanted, rows), "VARCHAR")
    relation = "handed_over" if batch.format == "table" else f"read_parquet({files})"
    found = {row[0]: row[1] for row in rows(f"DESCRIBE SELECT * FROM {relation}")}
    return relation, {**dict.fromkeys(batch.columns, "unknown"), **found}


def _csv(batch: Batch, written: CsvSpec, files: str) -> tuple[str, dict[str, str]]:
    tabs = ".tsv" in batch.name.lower()
    delimiter = written.delimiter or ("\t" if tabs else ",")
    names = _csv_header(batch, delimiter, written.quote)
    columns = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in names)
    relation = (
        f"read_csv({files}, header = true, auto_detect = false, columns = {{{columns}}}, "
        f"delim = {literal(delimiter)}, quote = {literal(written.quote)}, "
        f"escape = {literal(written.quote)}, strict_mode = true, store_rejects = true)"
    )
    return relation, dict.fromkeys(names, "VARCHAR")


def _csv_header(batch: Batch, delimiter: str, quote: str) -> list[str]:
    """Return the column names of a text file."""
    path = batch.paths[0]
    opened: Any = gzip.open if path.lower().endswith(".gz") else open
    try:
        with opened(path, "rt", encoding="utf-8-sig", newline="") as file:
            quoting = {"quotechar": quote} if quote else {"quoting": csv.QUOTE_NONE}
            names = next(csv.reader(file, delimiter=delimiter, **quoting), None)
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        msg = f"'{batch.name}' cannot be read as UTF-8 text: {error}."
        raise DataCheckError(msg) from error
    if not names:
        msg = f"'{batch.name}' is empty; an event file starts with a line of column names."
        raise DataCheckError(msg)
    names = [name or f"column_{place}" for place, name in enumerate(names, start=1)]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        msg = f"'{batch.name}' has more than one column called {', '.join(map(repr, twice))}."
        raise DataCheckError(msg)
    return names


def _json_keys(
    files: str, wanted: set[str], rows: Callable[[str], list[tuple[Any, ...]]]
) -> list[str]:
    """Return the keys of JSON lines: of the first ones, or of all where one is missing."""
    lines = f"read_json_objects({files}, format = 'newline_delimited', ignore_errors = true)"
    names: list[str] = []
    for limit in (" LIMIT 2000", ""):
        objects = f"SELECT json FROM {lines} WHERE json_type(json) = 'OBJECT'{limit}"
        keys = f"SELECT DISTINCT unnest(json_keys(json)) AS name FROM ({objects}) ORDER BY name"
        names = [row[0] for row in rows(keys)]
        if wanted <= set(names):
            break
    return names
