"""Query results of DuckDB, SQLite, Postgres and other databases, spilled to Parquet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq

from nexttouch.errors import DataCheckError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from nexttouch.events.spec import SourceSpec

__all__ = ["spill_query"]

_ROWS = 100_000


def spill_query(source: SourceSpec, *, project: Path, spill: Path) -> list[Path]:
    """Run a source's query, read-only where the database allows it, and keep its rows as Parquet.

    Raises
    ------
    DataCheckError
        If the database is missing or refuses the query; never shows the password.
    """
    spill.mkdir(parents=True)
    url, query = str(source.url), str(source.query)
    read = _duckdb_chunks if url.startswith("duckdb:") else _sqlalchemy_chunks
    try:
        tables = list(_write_chunks(read(url, query, project), spill))
    except DataCheckError:
        raise
    except Exception as error:  # noqa: BLE001 - each driver has its own
        reason = str(getattr(error, "orig", error)).strip().splitlines()[:1]
        msg = (
            f"The query on {source.name} failed: {' '.join(reason)[:300]}. "
            "Check customers.sources.url and query."
        )
        raise DataCheckError(msg) from None
    return tables


def _write_chunks(chunks: Iterator[pa.Table], spill: Path) -> Iterator[Path]:
    """Write chunks in one schema: what Python values look like may differ between chunks."""
    parts = []
    for number, chunk in enumerate(chunks):
        path = spill / f"raw-{number:05d}.parquet"
        pq.write_table(chunk, path)
        parts.append(path)
    schemas = [pq.read_schema(part) for part in parts]
    try:
        schema = pa.unify_schemas(schemas, promote_options="permissive")
    except (pa.ArrowTypeError, pa.ArrowInvalid):
        schema = pa.schema([(name, pa.string()) for name in schemas[0].names])
    for part, found in zip(parts, schemas, strict=True):
        if found != schema:
            pq.write_table(pq.read_table(part).cast(schema), part)
        yield part


def _duckdb_chunks(url: str, query: str, project: Path) -> Iterator[pa.Table]:
    import duckdb  # noqa: PLC0415 - an edge, loaded when it is needed

    path = _local_path(url, project)
    with duckdb.connect(str(path), read_only=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        reader = connection.sql(query).to_arrow_reader(_ROWS)
        empty = True
        for batch in reader:
            empty = False
            yield pa.Table.from_batches([batch])
        if empty:
            yield reader.schema.empty_table()


def _sqlalchemy_chunks(url: str, query: str, project: Path) -> Iterator[pa.Table]:
    import sqlalchemy  # noqa: PLC0415 - an edge, loaded when it is needed

    if url.startswith("sqlite:"):
        path = _local_path(url, project)
        url = f"sqlite:///file:{quote(str(path.resolve()))}?mode=ro&uri=true"
    elif url.startswith(("postgresql://", "postgres://")):
        url = "postgresql+psycopg://" + url.split("://", 1)[1]
    engine = sqlalchemy.create_engine(url)
    try:
        with engine.connect() as connection:
            streaming = connection.execution_options(stream_results=True, max_row_buffer=_ROWS)
            result = streaming.execute(sqlalchemy.text(query.replace(":", r"\:")))
            names = list(result.keys())
            empty = True
            for rows in result.partitions(_ROWS):
                empty = False
                columns = zip(*rows, strict=True)
                yield pa.table(
                    {n: _values(list(column)) for n, column in zip(names, columns, strict=True)}
                )
            if empty:
                yield pa.table({name: pa.nulls(0) for name in names})
    finally:
        engine.dispose()


def _values(column: list[Any]) -> pa.Array:
    """Give Python values a column type; text where a column mixes kinds, as SQLite allows."""
    kinds = {type(value) for value in column if value is not None}
    if kinds <= {int, float} or len(kinds) <= 1:
        try:
            return pa.array(column)
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
            pass
    return pa.array([None if value is None else str(value) for value in column], pa.string())


def _local_path(url: str, project: Path) -> Path:
    name = url.split("://", 1)[-1].removeprefix("/")
    path = project / name
    if not path.is_file():
        msg = f"No database file at '{name}' (looked in {path}). Correct customers.sources.url."
        raise DataCheckError(msg)
    return path
