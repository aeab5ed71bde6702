"""Reading, typing and checking with DuckDB: every usable row of all batches, staged by customer."""

from __future__ import annotations

import csv
import gzip
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from nexttouch.engine.checks import FATAL, REASONS, RowContract, row_contract
from nexttouch.engine.columns import literal, quoted
from nexttouch.errors import DataCheckError, NextTouchError, StoreSpaceError
from nexttouch.events.spec import CANONICAL
from nexttouch.events.zones import zone_table

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb

    from nexttouch.engine.sources import Batch
    from nexttouch.events.spec import CustomersSpec

__all__ = ["Staging"]

_DAY_US = 86_400_000_000
_SHOWN = 5
_MOST_BAD = 0.5
_TEXTS = ("customer_id", "event", "channel", "event_id", "actor_id", "actor_role", "properties")


@dataclass
class Staging:
    """Rows on their way into the store, in DuckDB's own memory and spill files.

    Attributes
    ----------
    spec : CustomersSpec
    folder : Path
        For spill files; on the store's file system.
    latest_us : int
        Later times are in the future.
    rows_read : int
    quarantined : dict of int
        By reason.
    retry_at_us : int or None
        Earliest time that lay too far in the future.
    """

    spec: CustomersSpec
    folder: Path
    latest_us: int
    memory_limit: str = "1GB"
    rows_read: int = 0
    quarantined: dict[str, int] = field(default_factory=dict)
    retry_at_us: int | None = None
    connection: duckdb.DuckDBPyConnection = field(init=False)

    def __enter__(self) -> Staging:
        """Open DuckDB and the tables rows wait in."""
        import duckdb  # noqa: PLC0415 - an edge, loaded when it is needed

        self.connection = duckdb.connect(
            config={"memory_limit": self.memory_limit, "temp_directory": str(self.folder / "spill")}
        )
        self._run("SET TimeZone = 'UTC'")
        self._run("SET preserve_insertion_order = false")
        self._run("SET enable_progress_bar = false")
        numbers = {m.name: "BIGINT" if m.kind == "date" else "DOUBLE" for m in self.spec.measures()}
        kinds = {name: "VARCHAR" for name in CANONICAL}
        kinds |= {"timestamp": "BIGINT", "ingested_at": "BIGINT"} | numbers
        self.names = tuple(kinds)
        columns = ", ".join(f"{quoted(name)} {kind}" for name, kind in kinds.items())
        self._run(f"CREATE TABLE staged ({columns}, bucket UTINYINT)")
        raw = ", ".join(f"{quoted(name)} VARCHAR" for name in self.names)
        self._run(
            f'CREATE TABLE quarantined (reason VARCHAR, source VARCHAR, "row" BIGINT, {raw}, '
            "line VARCHAR)"
        )
        return self

    def __exit__(self, *_: object) -> None:
        """Let go of memory and spill files."""
        self.connection.close()

    def add(self, batch: Batch) -> tuple[int, int]:
        """Read one batch; return its rows and how many of them were set aside.

        Raises
        ------
        DataCheckError
            If it cannot be read, or more than half of its rows cannot be used.
        """
        import duckdb  # noqa: PLC0415 - an edge, loaded when it is needed

        if batch.table is not None:
            self.connection.register("handed_over", batch.table)
        try:
            return self._add(batch)
        except duckdb.Error as error:
            raise _unreadable(batch, self.folder, error) from error

    def _add(self, batch: Batch) -> tuple[int, int]:
        source = self.spec.sources[batch.source]
        mapping, timestamps = self.spec.mapping_of(source), self.spec.timestamps_of(source)
        relation, kinds = self._relation(batch)
        contract = row_contract(
            mapping,
            kinds,
            where=batch.name,
            timestamps=timestamps,
            measures=self.spec.measures(),
            decimal=source.csv.decimal,
            range_us=(self.spec.earliest_us(), self.latest_us),
            allow_negative_value=self.spec.allow_negative_value,
        )
        self._make_zone_days(timestamps.zone or self.spec.time_zone)
        values = ", ".join(f"{contract.columns[n]} AS {quoted(n)}" for n in self.names)
        self._run(
            f"CREATE OR REPLACE TEMP TABLE fresh AS SELECT {values}, {contract.reason} AS reason "
            f"FROM (SELECT {contract.parsed} FROM {relation}) {contract.joins}"
        )
        rejected = self._keep_rejects(batch)
        counts = dict(self._rows("SELECT reason, count(*) FROM fresh GROUP BY reason"))
        usable = counts.pop(None, 0)
        if counts or rejected:
            bad_rows = self._bad_rows(batch, relation, contract)
            torn = {"malformed_row": rejected} if rejected else {}
            self._run("SET preserve_insertion_order = true")  # row numbers count in file order
            self._stop_if_hopeless(batch, counts | torn, usable, bad_rows)
            if counts:
                self._run(f"INSERT INTO quarantined {bad_rows}")
                self._note_future()
            self._run("SET preserve_insertion_order = false")
            counts |= torn
        self._run(
            f"INSERT INTO staged SELECT {', '.join(map(quoted, self.names))}, "
            "('0x' || left(md5(customer_id), 2))::UTINYINT FROM fresh WHERE reason IS NULL"
        )
        self._run("DROP TABLE fresh")
        bad = sum(counts.values())
        self.rows_read += usable + bad
        for reason, count in counts.items():
            self.quarantined[reason] = self.quarantined.get(reason, 0) + count
        return usable + bad, bad

    def rows(self) -> int:
        """Count the usable rows."""
        return int(self._rows("SELECT count(*) FROM staged")[0][0])

    def names_of(self, column: str) -> list[str]:
        """Return the distinct texts of a column, in byte order."""
        found = self._rows(
            f"SELECT DISTINCT {quoted(column)} FROM staged WHERE {quoted(column)} IS NOT NULL"
        )
        return sorted(row[0] for row in found)

    def partition(self, number: int, partitions: int) -> pa.Table:
        """Return one partition's rows as a canonical table, in no order."""
        table = self.connection.sql(
            f"SELECT * EXCLUDE (bucket) FROM staged WHERE bucket % {partitions} = {number}"
        ).to_arrow_table()
        for name in ("timestamp", "ingested_at"):
            at = table.schema.get_field_index(name)
            instants = table.column(at).cast(pa.timestamp("us", "UTC"))
            table = table.set_column(at, name, instants)
        for measure in self.spec.measures():
            if measure.kind == "date":
                at = table.schema.get_field_index(measure.name)
                instants = table.column(at).cast(pa.timestamp("us", "UTC"))
                table = table.set_column(at, measure.name, instants)
        return table

    def quarantine(self) -> pa.Table:
        """Return the rows set aside, by source and row."""
        ordered = 'SELECT * FROM quarantined ORDER BY source, "row", reason, line'
        return self.connection.sql(ordered).to_arrow_table()

    def _relation(self, batch: Batch) -> tuple[str, dict[str, str]]:
        """Return SQL that reads a batch, and the type of each of its columns."""
        source = self.spec.sources[batch.source]
        wanted = set(self.spec.mapping_of(source).columns().values())
        files = "[" + ", ".join(map(literal, batch.paths)) + "]"
        if batch.format == "csv":
            tabs = ".tsv" in batch.name.lower()
            delimiter = source.csv.delimiter or ("\t" if tabs else ",")
            names = _csv_header(batch, delimiter, source.csv.quote)
            columns = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in names)
            self._run("DROP TABLE IF EXISTS reject_errors")
            self._run("DROP TABLE IF EXISTS reject_scans")
            relation = (
                f"read_csv({files}, header = true, auto_detect = false, columns = {{{columns}}}, "
                f"delim = {literal(delimiter)}, quote = {literal(source.csv.quote)}, "
                f"escape = {literal(source.csv.quote)}, strict_mode = true, store_rejects = true)"
            )
            return relation, dict.fromkeys(names, "VARCHAR")
        if batch.format == "jsonl":
            kinds = self._json_kinds(batch, wanted)
            columns = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in sorted(wanted))
            relation = (
                f"read_json({files}, format = 'newline_delimited', columns = {{{columns}}}, "
                "ignore_errors = true)"
            )
            return relation, kinds
        relation = "handed_over" if batch.format == "table" else f"read_parquet({files})"
        found = {row[0]: row[1] for row in self._rows(f"DESCRIBE SELECT * FROM {relation}")}
        return relation, {**dict.fromkeys(batch.columns, "unknown"), **found}

    def _json_kinds(self, batch: Batch, wanted: set[str]) -> dict[str, str]:
        """Return the keys of JSON lines: of the first ones, or of all where one is missing."""
        files = "[" + ", ".join(map(literal, batch.paths)) + "]"
        lines = f"read_json_objects({files}, format = 'newline_delimited', ignore_errors = true)"
        names: list[str] = []
        for limit in (" LIMIT 2000", ""):
            objects = f"SELECT json FROM {lines} WHERE json_type(json) = 'OBJECT'{limit}"
            keys = f"SELECT DISTINCT unnest(json_keys(json)) AS name FROM ({objects}) ORDER BY name"
            names = [row[0] for row in self._rows(keys)]
            if wanted <= set(names):
                break
        return dict.fromkeys(names, "VARCHAR")

    def _keep_rejects(self, batch: Batch) -> int:
        """Keep the lines of a CSV file that do not have as many fields as the header."""
        if batch.format != "csv":
            return 0
        self._run(
            "CREATE OR REPLACE TEMP TABLE rejects AS SELECT line, any_value(csv_line) AS text, "
            "row_number() OVER (ORDER BY line) AS place FROM reject_errors GROUP BY line"
        )
        self._run(
            "INSERT INTO quarantined (reason, source, \"row\", line) SELECT 'malformed_row', "
            f"{literal(batch.name)}, line - 1, text FROM rejects"
        )
        return int(self._rows("SELECT count(*) FROM rejects")[0][0])

    def _bad_rows(self, batch: Batch, relation: str, contract: RowContract) -> str:
        """Return SQL of the bad rows with their source text and number, counted from 1."""
        raws = {name: quoted(f"raw {name}") for name in contract.raw}
        texts = ", ".join(f"{sql} AS {raws[name]}" for name, sql in contract.raw.items())
        skipped = "0"
        if batch.format == "csv":
            skipped = "(SELECT count(*) FROM rejects WHERE line - 1 - place < n)"
        kept = ", ".join(raws.get(name, "NULL") for name in self.names)
        return (
            f"SELECT reason, {literal(batch.name)}, n + {skipped}, {kept}, NULL FROM (SELECT *, "
            f"{contract.reason} AS reason FROM (SELECT {contract.parsed}, {texts}, "
            f"row_number() OVER () AS n FROM {relation}) {contract.joins}) WHERE reason IS NOT NULL"
        )

    def _stop_if_hopeless(
        self, batch: Batch, counts: dict[str, int], usable: int, bad_rows: str
    ) -> None:
        bad = sum(counts.values())
        fatal = [reason for reason in FATAL if counts.get(reason)]
        if not fatal and bad <= _MOST_BAD * (usable + bad):
            return
        wanted = fatal or list(counts)
        names = ", ".join(map(literal, wanted))
        first = self._rows(f"SELECT * FROM ({bad_rows}) WHERE reason IN ({names}) LIMIT {_SHOWN}")
        lines = [self._offender(row) for row in first]
        if len(lines) < _SHOWN and "malformed_row" in wanted:
            torn = self._rows(f"SELECT line, text FROM rejects LIMIT {_SHOWN - len(lines)}")
            lines += [
                f"line {line} {REASONS['malformed_row']}: {text[:60]!r}" for line, text in torn
            ]
        mapping = self.spec.mapping_of(self.spec.sources[batch.source])
        if fatal == ["time_without_zone"]:
            columns = [c for n, c in mapping.columns().items() if n not in _TEXTS]
            what = f"{counts[fatal[0]]} times carry no zone, so the instant is unknown"
            remedy = (
                "Declare customers.timestamps.zone, for example UTC or Europe/Berlin "
                f"(times come from {', '.join(map(repr, columns))})."
            )
        elif fatal:
            what = f"{counts[fatal[0]]} ids are decimal numbers, and an id must be kept exactly"
            remedy = (
                "Often an empty cell made a table turn whole numbers into decimal ones. Read the "
                "column as text (pandas: dtype={column: str}) or map another column."
            )
        else:
            by_reason = ", ".join(f"{reason} {counts[reason]}" for reason in sorted(counts))
            what = f"{bad} of {usable + bad} rows cannot be used ({by_reason})"
            remedy = (
                "Check customers.mapping, customers.timestamps and, for text files, csv.delimiter."
            )
        raise DataCheckError(f"'{batch.name}': {what}. First: {'; '.join(lines)}. {remedy}")

    def _offender(self, row: tuple[Any, ...]) -> str:
        reason, _, number, *texts = row
        words = {**REASONS, **FATAL}[reason]
        raw = dict(zip(self.names, texts, strict=False))
        about = {"id": "customer_id", "time": "timestamp", "event": "event", "value": "value"}
        column = next((c for word, c in about.items() if word in reason.split("_")), "customer_id")
        if "ingested" in reason:
            column = "ingested_at"
        return f"row {number} {words} ({str(raw.get(column))[:40]!r})"

    def _note_future(self) -> None:
        """Remember when the first row that lay in the future can be taken in."""
        future = (
            "CASE reason WHEN 'time_in_future' THEN timestamp "
            "WHEN 'ingested_at_out_of_range' THEN ingested_at END"
        )
        first = self._rows(f"SELECT min({future}) FROM fresh WHERE {future} > {self.latest_us}")
        if first[0][0] is not None:
            at = first[0][0] - int(self.spec.future_tolerance_days * _DAY_US)
            self.retry_at_us = at if self.retry_at_us is None else min(at, self.retry_at_us)

    def _make_zone_days(self, zone: str) -> None:
        """Lay out the offset of each day's wall clock, and where it changes within a day."""
        table = zone_table(zone)
        day = table.wall_us // _DAY_US
        days = np.arange(0, int(day[-1]) + 1 if len(day) else 0, dtype=np.int64)
        before = table.offset_us[np.searchsorted(table.wall_us, days * _DAY_US, side="right")]
        after = before.copy()
        switch = (days + 1) * _DAY_US
        after[day] = table.offset_us[1:]
        switch[day] = table.wall_us
        zone_days = pa.table(
            {
                "day": pa.array(days.astype(np.int32), pa.date32()),
                "switch": pa.array(switch, pa.timestamp("us")),
                "before": before,
                "after": after,
            }
        )
        self.connection.register("zone_days", zone_days)
        self._run(f"SET VARIABLE zone_first = {int(table.offset_us[0])}::BIGINT")
        self._run(f"SET VARIABLE zone_last = {int(table.offset_us[-1])}::BIGINT")

    def _run(self, sql: str) -> None:
        self.connection.execute(sql)

    def _rows(self, sql: str) -> list[tuple[Any, ...]]:
        rows: list[tuple[Any, ...]] = self.connection.execute(sql).fetchall()
        return rows


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


def _unreadable(batch: Batch, folder: Path, error: Exception) -> NextTouchError:
    text = str(error).strip().splitlines()[0][:300]
    if any(sign in text for sign in ("No space left", "Out of Memory", "failed to offload")):
        return StoreSpaceError.while_writing(str(folder), text)
    return DataCheckError(
        f"'{batch.name}' cannot be read: {text}. The file may be cut off, damaged or of another "
        "kind than its name says; nothing was changed."
    )
