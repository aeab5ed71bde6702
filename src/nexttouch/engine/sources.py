"""Sources as batches: every file, query result and table, with the hash of its content."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import pyarrow as pa

from nexttouch.engine.databases import spill_query
from nexttouch.engine.files import sha256_of
from nexttouch.errors import DataCheckError, nearest
from nexttouch.events.canonical import to_arrow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from nexttouch.events.spec import CustomersSpec, SourceSpec

__all__ = ["Batch", "find_batches"]

Format = Literal["csv", "parquet", "jsonl", "table"]
_FORMATS: dict[str, Format] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".csv.gz": "csv",
    ".tsv.gz": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".jsonl.gz": "jsonl",
    ".ndjson.gz": "jsonl",
}


@dataclass(frozen=True)
class Batch:
    """One thing to read at once.

    Attributes
    ----------
    source : int
        Number of the source in the spec.
    name : str
        What messages and the quarantine call it.
    paths : tuple of str
        Files to read; empty for a table.
    table : pyarrow.Table or None
        Its mapped columns.
    columns : tuple of str
        Names of all columns of the table.
    sha256 : str
        Of the content.
    way : str
        Hash of how it is read.
    """

    source: int
    name: str
    format: Format
    sha256: str
    way: str
    paths: tuple[str, ...] = ()
    table: pa.Table | None = None
    columns: tuple[str, ...] = ()

    @property
    def identity(self) -> tuple[str, str]:
        """What makes two batches the same: their content and how it is read, not their name."""
        return self.way, self.sha256


def find_batches(
    spec: CustomersSpec,
    *,
    project: Path,
    tables: Mapping[str, Any],
    spill: Path,
    hash_of: Callable[[Path], str] = sha256_of,
) -> list[Batch]:
    """Find and hash everything the spec names.

    Parameters
    ----------
    spec : CustomersSpec
    project : Path
        What relative paths are relative to.
    tables : mapping of str to table
        Data frames by the name a source's ``table`` or ``dataset`` gives.
    spill : Path
        Folder in which query results wait.
    hash_of : callable
        Returns the sha256 of a file.

    Returns
    -------
    list of Batch
        A file that is there twice, read in the same way, has the same identity twice.

    Raises
    ------
    DataCheckError
        If something is missing, naming it.
    """
    batches: list[Batch] = []
    for number, source in enumerate(spec.sources):
        if source.path is not None:
            batches += _files(number, source, spec, project, hash_of)
        elif source.query is not None:
            paths = spill_query(source, project=project, spill=spill / f"query-{number}")
            digest = hashlib.sha256("".join(map(sha256_of, paths)).encode()).hexdigest()
            names = tuple(str(path) for path in paths)
            way = _way_of(spec, source, source.name, source.query)
            batches.append(Batch(number, source.name, "parquet", digest, way, paths=names))
        else:
            batches.append(_table(number, source, spec, tables))
    return batches


def _way_of(spec: CustomersSpec, source: SourceSpec, *more: object) -> str:
    """Hash what decides how a source is read; not where it is, and no password."""
    how = (spec.mapping_of(source), source.csv, spec.timestamps_of(source))
    plain = json.dumps([*(part.model_dump(mode="json") for part in how), *more], sort_keys=True)
    return hashlib.sha256(plain.encode()).hexdigest()[:16]


def _files(
    number: int,
    source: SourceSpec,
    spec: CustomersSpec,
    project: Path,
    hash_of: Callable[[Path], str],
) -> Iterator[Batch]:
    path = str(source.path)
    place = project / path
    if place.is_file():
        found = [place]
    elif place.is_dir():
        found = sorted(child for child in place.iterdir() if child.is_file() and _format(child))
    elif any(sign in path for sign in "*?["):
        base = project.__class__(place.anchor) if place.is_absolute() else project
        pattern = str(place.relative_to(base))
        found = sorted(child for child in base.glob(pattern) if child.is_file())
    else:
        found = []
    if not found:
        msg = (
            f"No event file at '{path}' (looked in {place}). Correct customers.sources.path; files "
            f"may end in {', '.join(_FORMATS)}."
        )
        raise DataCheckError(msg)
    for file in found:
        name = str(file.relative_to(project)) if file.is_relative_to(project) else str(file)
        kind = _format(file)
        if kind is None:
            msg = f"'{name}' has no known ending; files may end in {', '.join(_FORMATS)}."
            raise DataCheckError(msg)
        try:
            digest = hash_of(file)
        except OSError as error:
            msg = f"'{name}' cannot be read: {error.strerror}. Check its permissions."
            raise DataCheckError(msg) from error
        way = _way_of(spec, source, kind, ".tsv" in name.lower())
        yield Batch(number, name, kind, digest, way, paths=(str(file),))


def _format(file: Path) -> Format | None:
    if file.name.startswith((".", "_")):
        return None
    ending = "".join(file.suffixes[-2:]).lower()
    return _FORMATS.get(ending) or _FORMATS.get(file.suffix.lower())


def _table(
    number: int, source: SourceSpec, spec: CustomersSpec, tables: Mapping[str, Any]
) -> Batch:
    name = str(source.table or source.dataset)
    if name not in tables:
        guess = nearest(name, tables)
        hint = f"Did you mean '{guess}'?" if guess else f"Handed over: {sorted(tables) or 'none'}."
        msg = f"No table '{name}' was handed over for customers.sources. {hint}"
        raise DataCheckError(msg)
    given = tables[name]
    wanted = set(spec.mapping_of(source).columns().values())
    kept = to_arrow(given, tuple(wanted))
    digest = _HashSink()
    with pa.ipc.new_stream(pa.PythonFile(digest, mode="w"), kept.schema) as writer:
        writer.write_table(kept.combine_chunks(), max_chunksize=1 << 16)
    names = getattr(given, "column_names", None) or getattr(given, "columns", kept.column_names)
    columns = tuple(map(str, names))
    way = _way_of(spec, source, "table", name)
    return Batch(number, name, "table", digest.hash.hexdigest(), way, table=kept, columns=columns)


class _HashSink:
    """A file that only hashes what is written to it."""

    closed = False

    def __init__(self) -> None:
        self.hash = hashlib.sha256()

    def write(self, content: bytes) -> int:
        self.hash.update(content)
        return len(content)

    def flush(self) -> None:
        """Nothing waits."""

    def close(self) -> None:
        """Nothing is open."""
