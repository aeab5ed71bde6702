"""Reading, typing and checking with DuckDB: every row of all batches, staged by customer."""

from __future__ import annotations

# ruff: noqa: S608 - every identifier and literal goes through columns.quoted and columns.literal
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nexttouch.engine.checks import RowContract, row_contract
from nexttouch.engine.columns import literal, quoted
from nexttouch.engine.offenders import MOST_SHOWN, hopeless, reasons_to_show
from nexttouch.engine.readers import reader_of
from nexttouch.errors import DataCheckError, NextTouchError, StoreSpaceError
from nexttouch.events.canonical import UTC_US
from nexttouch.events.spec import CANONICAL
from nexttouch.events.zones import zone_table

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import duckdb

    from nexttouch.engine.sources import Batch
    from nexttouch.engine.tombstones import Tombstones
    from nexttouch.events.spec import CustomersSpec

__all__ = ["Staging"]

_DAY_US = 86_400_000_000
_ROWS_AT_ONCE = 250_000


@dataclass
class Staging:
    """Rows on their way into the store, in DuckDB's memory and spill files.

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
        When the first row that lay in the future can be taken in.
    """

    spec: CustomersSpec
    folder: Path
    latest_us: int
    memory_limit: str = "1GB"
    rows_read: int = 0
    quarantined: dict[str, int] = field(default_factory=dict)
    retry_at_us: int | None = None
    connection: duckdb.DuckDBPyConnection = field(init=False)

    def __enter__(self) -> Self:
        """Open DuckDB and the tables rows wait in."""
        import duckdb  # noqa: PLC0415 - an edge, loaded when it is needed

        self.connection = duckdb.connect(
            config={
                "memory_limit": self.memory_limit,
                "temp_directory": str(self.folder / "spill"),
                "autoinstall_known_extensions": "false",  # nothing is downloaded behind one's back
            }
        )
        self._run("SET TimeZone = 'UTC'")
        self._run("SET preserve_insertion_order = false")
        if self._rows("SELECT current_setting('enable_progress_bar')")[0][
            0
        ]:  # setting it off in a notebook asks for ipywidgets, even when it is off
            self._run("SET enable_progress_bar = false")
        kinds = dict.fromkeys(CANONICAL, "VARCHAR")
        kinds |= {"timestamp": "BIGINT", "ingested_at": "BIGINT"}
        for measure in self.spec.measures():
            kinds[measure.name] = "BIGINT" if measure.kind == "date" else "DOUBLE"
        self.names = tuple(kinds)
        columns = ", ".join(f"{quoted(name)} {kind}" for name, kind in kinds.items())
        texts = ", ".join(f"{quoted(name)} VARCHAR" for name in kinds)
        self._run(
            f"CREATE TABLE staged ({columns}, _bucket UTINYINT, _reason VARCHAR, _batch INTEGER)"
        )
        self._run(
            f'CREATE TABLE quarantined (reason VARCHAR, source VARCHAR, "row" BIGINT, {texts}, '
            "line VARCHAR)"
        )
        self._run("CREATE TABLE rejects (line BIGINT, text VARCHAR, place BIGINT)")
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
        StoreSpaceError
            If the disk is full.
        """
        import duckdb  # noqa: PLC0415 - an edge, loaded when it is needed

        try:
            if batch.table is not None:
                self.connection.register("handed_over", batch.table)
            return self._add(batch)
        except duckdb.Error as error:
            raise _unreadable(batch, self.folder, error) from error

    def rows(self) -> int:
        """Count the usable rows."""
        return int(self._rows("SELECT count(*) FROM staged WHERE _reason IS NULL")[0][0])

    def names_of(self, column: str) -> list[str]:
        """Return the distinct texts of a column in usable rows, in byte order."""
        found = self._rows(f"SELECT DISTINCT {quoted(column)} FROM staged WHERE _reason IS NULL")
        return sorted(row[0] for row in found if row[0] is not None)

    def by_partition(self, partitions: int) -> Iterator[pa.Table]:
        """Yield each partition's usable rows as a canonical table, in no order.

        Few rows are fetched at once; many by partition, so that memory holds only some of them.
        """
        if self.rows() > _ROWS_AT_ONCE:
            for number in range(partitions):
                yield self._usable(f"AND _bucket % {partitions} = {number}")
            return
        rows = self._usable("", "_bucket")
        number_of = rows.column("_bucket").to_numpy() % partitions
        order = np.argsort(number_of, kind="stable")
        ends = np.searchsorted(number_of[order], np.arange(partitions + 1))
        rows = rows.drop_columns("_bucket").take(pa.array(order))
        for number in range(partitions):
            yield rows.slice(int(ends[number]), int(ends[number + 1] - ends[number]))

    def _usable(self, which: str, *more: str) -> pa.Table:
        table = self.connection.sql(
            f"SELECT {', '.join((*map(quoted, self.names), *more))} FROM staged "
            f"WHERE _reason IS NULL {which}"
        ).to_arrow_table()
        dates = (measure.name for measure in self.spec.measures() if measure.kind == "date")
        for name in ("timestamp", "ingested_at", *dates):
            place = table.schema.get_field_index(name)
            table = table.set_column(place, name, table.column(place).cast(UTC_US))
        return table

    def forget(self, erased: Tombstones) -> None:
        """Take out what names an erased customer: rows, and rows set aside with their counts."""
        if not erased.marks:
            return
        marks = ", ".join(map(literal, erased.marks))
        self._run(
            f"DELETE FROM staged WHERE sha256({literal(erased.salt)} || customer_id) IN ({marks})"
        )
        kept = self.quarantine()
        gone = kept.filter(pc.invert(erased.spare(kept)))
        for reason in gone.column("reason").to_pylist():
            self.quarantined[reason] -= 1
        self.quarantined = {reason: n for reason, n in self.quarantined.items() if n}
        self.connection.register("spared", kept.filter(erased.spare(kept)))
        self._run("CREATE OR REPLACE TABLE quarantined AS SELECT * FROM spared")

    def quarantine(self) -> pa.Table:
        """Return the rows set aside, by source and row."""
        ordered = 'SELECT * FROM quarantined ORDER BY source, "row", reason, line'
        return self.connection.sql(ordered).to_arrow_table()

    def _add(self, batch: Batch) -> tuple[int, int]:
        source = self.spec.sources[batch.source]
        mapping, timestamps = self.spec.mapping_of(source), self.spec.timestamps_of(source)
        for table in ("reject_errors", "reject_scans"):  # DuckDB's own, of the batch before
            self._run(f"DROP TABLE IF EXISTS {table}")
        relation, kinds = reader_of(batch, source.csv, set(mapping.columns().values()), self._rows)
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
        self._lay_out_zone(timestamps.zone or self.spec.time_zone)
        number = int(self._rows("SELECT coalesce(max(_batch), 0) + 1 FROM staged")[0][0])
        values = ", ".join(contract.columns[name] for name in self.names)
        bucket = f"('0x' || left(md5({contract.columns['customer_id']}), 2))::UTINYINT"
        self._run(
            f"INSERT INTO staged SELECT {values}, {bucket}, {contract.reason}, {number} "
            f"FROM (SELECT {contract.parsed} FROM {relation}) {contract.joins}"
        )
        found = f"SELECT _reason, count(*) FROM staged WHERE _batch = {number} GROUP BY _reason"
        counts = dict(self._rows(found))
        usable = int(counts.pop(None, 0))
        torn = self._keep_torn_lines(batch)
        if counts or torn:
            self._run("SET preserve_insertion_order = true")  # row numbers count in file order
            self._keep_bad_rows(batch, relation, contract, counts, usable=usable, torn=torn)
            self._run("SET preserve_insertion_order = false")
            self._note_future(number)
        if torn:
            counts["malformed_row"] = torn
        bad = sum(counts.values())
        self.rows_read += usable + bad
        for reason, count in counts.items():
            self.quarantined[reason] = self.quarantined.get(reason, 0) + count
        return usable + bad, bad

    def _keep_torn_lines(self, batch: Batch) -> int:
        """Keep the lines of a text file that do not have as many fields as its header."""
        self._run("DELETE FROM rejects")
        if batch.format != "csv":
            return 0
        self._run(
            "INSERT INTO rejects SELECT line, any_value(csv_line), row_number() OVER "
            "(ORDER BY line) FROM reject_errors GROUP BY line"
        )
        self._run(
            'INSERT INTO quarantined (reason, source, "row", line) '
            f"SELECT 'malformed_row', {literal(batch.name)}, line - 1, text FROM rejects"
        )
        return int(self._rows("SELECT count(*) FROM rejects")[0][0])

    def _keep_bad_rows(
        self,
        batch: Batch,
        relation: str,
        contract: RowContract,
        counts: dict[str, int],
        *,
        usable: int,
        torn: int,
    ) -> None:
        """Read a batch's bad rows again, with their source text and number, and keep them.

        Raises
        ------
        DataCheckError
            If there are too many of them.
        """
        bad_rows = self._bad_rows(batch, relation, contract)
        counts = counts | ({"malformed_row": torn} if torn else {})
        shown = reasons_to_show(counts, usable)
        if shown:
            names = ", ".join(map(literal, shown))
            first = self.connection.execute(
                f"SELECT * FROM ({bad_rows}) WHERE reason IN ({names}) LIMIT {MOST_SHOWN}"
            )
            titles = [column[0] for column in first.description]
            rows = [dict(zip(titles, row, strict=True)) for row in first.fetchall()]
            lines = self._rows(f"SELECT line, text FROM rejects ORDER BY line LIMIT {MOST_SHOWN}")
            mapping = self.spec.mapping_of(self.spec.sources[batch.source])
            raise hopeless(batch.name, counts, usable, rows=rows, torn=lines, mapping=mapping)
        self._run(f"INSERT INTO quarantined BY NAME {bad_rows}")

    def _bad_rows(self, batch: Batch, relation: str, contract: RowContract) -> str:
        """Return SQL of the bad rows with their source text and number, counted from 1."""
        aliases = {name: quoted(f"{name} text") for name in contract.raw}
        texts = ", ".join(f"{sql} AS {aliases[name]}" for name, sql in contract.raw.items())
        kept = ", ".join(f"{alias} AS {quoted(name)}" for name, alias in aliases.items())
        return (
            f"SELECT _reason AS reason, {literal(batch.name)} AS source, _row + (SELECT count(*) "
            f'FROM rejects WHERE line - 1 - place < _row) AS "row", {kept} FROM (SELECT *, '
            f"{contract.reason} AS _reason FROM (SELECT {contract.parsed}, {texts}, "
            f"row_number() OVER () AS _row FROM {relation}) {contract.joins}) "
            "WHERE _reason IS NOT NULL"
        )

    def _note_future(self, number: int) -> None:
        """Remember when the first row that lay in the future can be taken in."""
        future = (
            "CASE _reason WHEN 'time_in_future' THEN timestamp "
            "WHEN 'ingested_at_out_of_range' THEN ingested_at END"
        )
        first = self._rows(
            f"SELECT min({future}) FROM staged WHERE _batch = {number} "
            f"AND {future} > {self.latest_us}"
        )[0][0]
        if first is not None:
            at = int(first) - int(self.spec.future_tolerance_days * _DAY_US)
            self.retry_at_us = at if self.retry_at_us is None else min(at, self.retry_at_us)

    def _lay_out_zone(self, zone: str) -> None:
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
                "_day": pa.array(days.astype(np.int32), pa.date32()),
                "_switch": pa.array(switch, pa.timestamp("us")),
                "_before": before,
                "_after": after,
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


def _unreadable(batch: Batch, folder: Path, error: Exception) -> NextTouchError:
    text = str(error).strip().splitlines()[0][:300]
    if any(sign in text for sign in ("No space left", "Out of Memory", "failed to offload")):
        return StoreSpaceError.while_writing(str(folder), text)
    return DataCheckError(
        f"'{batch.name}' cannot be read: {text}. The file may be cut off, damaged or of another "
        "kind than its name says; nothing was changed."
    )
