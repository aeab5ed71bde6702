"""Load a data set, or the facts about it, by name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from nexttouch.datasets.cdnow import load_cdnow
from nexttouch.datasets.complete_journey import load_complete_journey
from nexttouch.datasets.info import DATASETS, DatasetInfo
from nexttouch.datasets.simulator import simulate
from nexttouch.errors import DataCheckError, UnknownDatasetError

if TYPE_CHECKING:
    import os

    import pyarrow as pa

__all__ = ["dataset_info", "load"]


def dataset_info(name: str) -> DatasetInfo:
    """Return origin, licence, currency, time zone and suggested measures of a data set.

    Raises
    ------
    UnknownDatasetError
        If no data set has this name.

    Examples
    --------
    >>> dataset_info("cdnow").currency
    'USD'
    >>> [measure.name for measure in dataset_info("cdnow").measures]
    ['n_cds', 'orders']
    """
    try:
        return DATASETS[name]
    except KeyError:
        raise UnknownDatasetError.from_name(name, DATASETS) from None


def load(
    name: str,
    *,
    path: str | os.PathLike[str] | None = None,
    cache: str | os.PathLike[str] | None = None,
) -> pa.Table:
    """Load a data set as one event log in canonical columns.

    Parameters
    ----------
    name : {"complete_journey", "cdnow", "simulated"}
    path : path, optional
        Local copy to read instead: for ``complete_journey`` the folder of the package's Parquet
        files, for ``cdnow`` a wheel, CSV or Parquet file. Not for ``simulated``.
    cache : path, optional
        Folder for what has to be fetched; default is the user's cache folder.

    Returns
    -------
    Table of shape (n_events, n_columns)
        Ordered by time. ``customer_id``, ``timestamp`` (microseconds, UTC), ``event``,
        ``channel``, ``value``, optional canonical columns, then the measures named by
        ``dataset_info(name).measures``.

    Raises
    ------
    UnknownDatasetError
        If no data set has this name.
    DatasetUnavailableError
        If the data are neither on this machine nor can be fetched.
    DataCheckError
        If a file is damaged.

    Examples
    --------
    >>> log = load("complete_journey")
    >>> log.num_rows
    164539
    >>> log.column_names[:5]
    ['customer_id', 'timestamp', 'event', 'channel', 'value']
    """
    dataset_info(name)
    where = Path(path) if path is not None else None
    if name == "complete_journey":
        return load_complete_journey(where)
    if name == "simulated":
        if where is not None:
            raise DataCheckError("The data set 'simulated' is made, not read: leave out path=.")
        return simulate().events
    return load_cdnow(where, cache=Path(cache) if cache is not None else None)
