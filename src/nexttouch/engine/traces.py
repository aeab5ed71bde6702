"""Where a text still stands in files: the bytes as they lie, and what compressed files say."""

from __future__ import annotations

# ruff: noqa: S608 - names of tables and columns are quoted
import html
import json
import mmap
import sqlite3
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from nexttouch.engine.columns import quoted
from nexttouch.engine.tombstones import words_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["traces_of"]

_BY_CHANCE = 5
"""Shorter texts occur in compressed bytes by chance: there only what was decoded counts."""


def traces_of(text: str, folder: Path) -> list[dict[str, Any]]:
    """Scan every file of a folder for a text.

    Parquet is decoded and SQLite is queried, because compression and pages hide texts; all files
    are searched as bytes too. A text that is only part of longer words there (``c1`` in ``c12``)
    does not count.

    Parameters
    ----------
    text : str
    folder : Path

    Returns
    -------
    list of dict
        ``file`` (relative to the folder) and ``hits``; empty when the text is gone.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as name:
    ...     _ = (Path(name) / "a.csv").write_text("c1,high_touch")
    ...     traces_of("c1", Path(name)), traces_of("c", Path(name))
    ([{'file': 'a.csv', 'hits': 1}], [])
    """
    found = []
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            hits = _hits(text, path)
            if hits:
                found.append({"file": str(path.relative_to(folder)), "hits": hits})
    return found


def _hits(text: str, path: Path) -> int:
    with path.open("rb") as file:
        start = file.read(16)
    if start.startswith(b"PAR1"):
        named, within = _tell(text, _parquet_texts(text, path))
        unseen = _count(text, path) if len(text.encode()) >= _BY_CHANCE else 0
    elif start.startswith(b"SQLite format 3"):
        named, within = _tell(text, _sqlite_texts(text, path))
        unseen = _count(text, path)
    else:
        return _named_in_plain(text, path.read_bytes().decode(errors="replace"))
    return named or (0 if within else unseen)


def _named_in_plain(text: str, content: str) -> int:
    """Count a text in a file of text, as it is and as JSON and HTML write it."""
    forms = {text, json.dumps(text)[1:-1], html.escape(text)}
    words = words_of(content) if any(form in content for form in forms) else []
    parted = {form for form in forms if len(words_of(form)) > 1}  # not found word by word
    return sum(content.count(form) if form in parted else words.count(form) for form in forms)


def _tell(text: str, texts: Iterator[str]) -> tuple[int, int]:
    """Count the texts that name it as a word, and those that only contain it."""
    named = within = 0
    for found in texts:
        if text in words_of(found) or len(words_of(text)) > 1:
            named += 1
        else:
            within += 1
    return named, within


def _parquet_texts(text: str, path: Path) -> Iterator[str]:
    """Yield the distinct texts of each row group and column that contain a text."""
    with pq.ParquetFile(path) as file:
        names = [field.name for field in file.schema_arrow if pa.types.is_string(field.type)]
        for number in range(file.num_row_groups if names else 0):
            for column in file.read_row_group(number, columns=names).columns:
                values = pc.unique(column)
                yield from values.filter(pc.match_substring(values, text)).to_pylist()


def _sqlite_texts(text: str, path: Path) -> Iterator[str]:
    """Yield the values of all tables that contain a text."""
    link = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        tables = link.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        for (table,) in tables:
            for column in link.execute(f"PRAGMA table_info({quoted(table)})").fetchall():
                name = quoted(column[1])
                asked = f"SELECT {name} FROM {quoted(table)} WHERE instr({name}, ?) > 0"
                yield from (str(row[0]) for row in link.execute(asked, (text,)))
    finally:
        link.close()


def _count(text: str, path: Path) -> int:
    """Count a text in the bytes of a file."""
    needle, found, at = text.encode(), 0, -1
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        while (at := content.find(needle, at + 1)) >= 0:
            found += 1
    return found
