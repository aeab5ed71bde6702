"""Features by Spark, on a session that the user brings: the same path, a partition at a time.

Spark moves the events of a customer into one partition and puts customers one after the other. All
else is done by the code that every path runs: the log builder puts events into content order, and
`FeaturePath.table` computes the rows. Names, measures and decay tables travel with the task from
the machine that asked; no partition makes its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nexttouch.errors import FeatureError
from nexttouch.events.build import build
from nexttouch.events.canonical import UTC_US, canonical_events
from nexttouch.events.spec import CANONICAL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from numpy.typing import ArrayLike, NDArray
    from pyspark.sql import DataFrame

    from nexttouch.events.log import Vocabulary
    from nexttouch.training.snapshot_table import FeaturePath

__all__ = ["spark_features", "whole_customers"]

_FACTS = ("customer_id", "cutoff", "eligible", "stage", "silent_stage")


def spark_features(
    events: DataFrame,
    cutoffs_us: ArrayLike,
    *,
    path: FeaturePath,
    vocabulary: Vocabulary,
    time_zone: str,
    naive_zone: str | None = None,
    duplicates: Literal["keep", "drop"] = "keep",
    partitions: int | None = None,
) -> DataFrame:
    """Compute every snapshot of the customers in a Spark data frame; nothing runs until it is read.

    Memory of a worker: the events of its largest customer, one Arrow batch
    (``spark.sql.execution.arrow.maxRecordsPerBatch``), and the rows of both. nexttouch must be
    installed where the workers run.

    Parameters
    ----------
    events : pyspark.sql.DataFrame of shape (n_events, 3+)
        Canonical columns and measures, as for ``build_log``, in any order.
    cutoffs_us : array of int, shape (n_cutoffs,)
        Microseconds UTC.
    path : FeaturePath
        That of a bundle or a project.
    vocabulary : Vocabulary
        The one ``path`` was made for; other event and channel names become ``other``.
    time_zone : str
        Business zone of local days and hours.
    naive_zone : str, optional
        Zone of times that carry none (``TIMESTAMP_NTZ``); without it they are refused.
    duplicates : {"keep", "drop"}
        What happens to exact repeats without event ids.
    partitions : int, optional
        By default ``spark.sql.shuffle.partitions``.

    Returns
    -------
    pyspark.sql.DataFrame of shape (n_rows, 5 + n_features)
        ``customer_id``, ``cutoff``, ``eligible``, ``stage``, ``silent_stage`` (names) and one
        float for each of ``path.names``, to the bit those of ``FeaturePath.table`` over one log.

    Raises
    ------
    DataCheckError
        If a column is missing or of a wrong type. Rows without an id, a time or an event, and
        amounts out of range, are found by the workers.
    FeatureError
        If there is no cutoff, or one is given twice.
    """
    cutoffs = np.asarray(cutoffs_us, dtype=np.int64)
    if not cutoffs.size:
        raise FeatureError("Features need at least one cutoff.")
    compute = _task(
        path,
        cutoffs,
        vocabulary=vocabulary,
        time_zone=time_zone,
        naive_zone=naive_zone,
        duplicates=duplicates,
    )
    known = {*CANONICAL, *(measure.name for measure in vocabulary.measures)}
    kept = events.select(*(_exact(events, name) for name in events.columns if name in known))
    compute(kept.limit(0).toArrow())  # what is wrong with columns or cutoffs is said here and now
    if partitions is None:
        partitions = int(events.sparkSession.conf.get("spark.sql.shuffle.partitions", "200"))

    def work(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for table in whole_customers(batches):
            yield from compute(table).to_batches()

    together = kept.repartition(partitions, "customer_id").sortWithinPartitions("customer_id")
    return together.mapInArrow(work, _spark_schema(path))


def whole_customers(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Cut a stream of events, one customer after the other, into tables of whole customers.

    Parameters
    ----------
    batches : iterable of pyarrow.RecordBatch
        With ``customer_id``; a customer may reach over any number of them.

    Yields
    ------
    pyarrow.Table
        Held back at a time: the last customer of the batches so far, who may go on.

    Examples
    --------
    >>> stream = [pa.record_batch({"customer_id": ids}) for ids in (["a"], ["a", "b"], ["b", "c"])]
    >>> [table["customer_id"].to_pylist() for table in whole_customers(stream)]
    [['a', 'a'], ['b', 'b'], ['c']]
    """
    held: list[pa.RecordBatch] = []
    for batch in batches:
        if not batch.num_rows:
            continue
        ids = batch.column("customer_id")
        last = _start_of_last(ids)
        goes_on = bool(held) and held[-1].column("customer_id")[0] == ids[0]
        if goes_on and not last:
            held.append(batch)
            continue
        if held or last:
            yield pa.Table.from_batches([*held, batch.slice(0, last)])
        held = [batch.slice(last)]
    if held:
        yield pa.Table.from_batches(held)


def _start_of_last(ids: pa.Array) -> int:
    """Return the row at which the last customer of a batch begins."""
    changes = pc.not_equal(ids.slice(1), ids.slice(0, len(ids) - 1)).fill_null(True)
    places = np.flatnonzero(changes.to_numpy(zero_copy_only=False))
    return int(places[-1]) + 1 if len(places) else 0


def _task(
    path: FeaturePath,
    cutoffs_us: NDArray[np.int64],
    *,
    vocabulary: Vocabulary,
    time_zone: str,
    naive_zone: str | None,
    duplicates: Literal["keep", "drop"],
) -> Callable[[pa.Table], pa.Table]:
    """Make the function from events of whole customers to their rows."""

    def compute(events: pa.Table) -> pa.Table:
        canonical = canonical_events(
            events, measures=vocabulary.measures, time_zone=time_zone, naive_zone=naive_zone
        )
        built = build(canonical, vocabulary=vocabulary, time_zone=time_zone, duplicates=duplicates)
        table = path.table(built.log, cutoffs_us)
        stages = np.array(path.journey.stages, dtype=object)
        facts = (
            pa.array(table.customer_id, pa.string()),
            pa.array(table.cutoff_us).cast(UTC_US),
            pa.array(table.eligible),
            pa.array(stages[table.stage], pa.string()),
            pa.array(stages[table.silent_stage], pa.string()),
        )
        features = (pa.array(column) for column in table.X.T)
        return pa.table([*facts, *features], names=[*_FACTS, *path.names])

    return compute


def _exact(events: DataFrame, name: str) -> Any:
    """Return a column; ids compare byte by byte, whatever the collation of the table."""
    from pyspark.sql.types import StringType  # noqa: PLC0415  an extra

    column = events[f"`{name}`"]
    is_id = name == "customer_id" and isinstance(events.schema[name].dataType, StringType)
    return column.cast(StringType()).alias(name) if is_id else column


def _spark_schema(path: FeaturePath) -> Any:
    from pyspark.sql import types  # noqa: PLC0415  an extra

    text, number = types.StringType(), types.FloatType()
    kinds = (text, types.TimestampType(), types.BooleanType(), text, text)
    fields = [*zip(_FACTS, kinds, strict=True), *((name, number) for name in path.names)]
    return types.StructType([types.StructField(name, kind) for name, kind in fields])
