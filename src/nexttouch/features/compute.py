"""Features of many customers: ranges of customers in a thread pool over one output matrix."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from nexttouch.errors import FeatureError
from nexttouch.features.bind import bind, read_only
from nexttouch.features.kernel import MISSING, Edges, Events, MovesIn, sweep
from nexttouch.progress import quiet

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from nexttouch.events.log import EventLog
    from nexttouch.features.plan import FeaturePlan
    from nexttouch.progress import Progress

__all__ = ["DatedMoves", "compute_features"]

RANGE = 512  # customers per task: their output stays in the cache


class DatedMoves(Protocol):
    """Moves of the customers of a log, as the journey room gives them."""

    @property
    def offsets(self) -> NDArray[np.int64]:
        """Moves of customer c are rows ``offsets[c]:offsets[c + 1]``."""

    @property
    def at_us(self) -> NDArray[np.int64]:
        """When each move happened, ascending within a customer."""

    @property
    def stage(self) -> NDArray[np.int16]:
        """Stage entered by each move."""


def compute_features(
    plan: FeaturePlan,
    log: EventLog,
    moves: DatedMoves,
    cutoffs_us: ArrayLike,
    *,
    threads: int = 1,
    progress: Progress = quiet,
) -> NDArray[np.float32]:
    """Compute every column of a plan for every snapshot.

    Parameters
    ----------
    plan : FeaturePlan
    log : EventLog
        Events known at all cutoffs, see ``events.as_of_batches``; those at or after a cutoff are
        not read for it.
    moves : DatedMoves
        Moves of the same customers.
    cutoffs_us : array of int, shape (n_cutoffs,)
        Microseconds UTC, ascending, any moments.
    threads : int
        Ranges of customers computed at a time; the result does not depend on it.

    Returns
    -------
    float32 array of shape (n_features, n_rows)
        Rows in the order of ``SnapshotRows.after_first_event(log.first_us, cutoffs_us)``.

    Raises
    ------
    FeatureError
        If cutoffs are not ascending, or log, moves and plan do not fit together.
    """
    cutoffs = np.asarray(cutoffs_us, dtype=np.int64)
    _check(plan, log, moves, cutoffs)
    return run(plan, log, moves, cutoffs, threads=threads, progress=progress)


def run(
    plan: FeaturePlan,
    log: EventLog,
    moves: DatedMoves,
    cutoffs: NDArray[np.int64],
    *,
    threads: int = 1,
    progress: Progress = quiet,
    kernel: Any = sweep,
    dtype: Any = np.float32,
) -> NDArray[Any]:
    """Run a kernel over ranges of customers; inputs have been checked."""
    starts = row_starts(log.first_us, cutoffs)
    out = np.empty((len(plan.columns), starts[-1]), dtype=dtype)
    if not out.shape[1]:
        return out
    bound = bind(plan, log.vocabulary)
    edges = edges_of(plan.layout.windows_us, cutoffs)
    n_actors = int(log.actor.max()) + 1 if len(bound.ops.people) else 0
    events = Events(
        _plain(log.offsets, np.int64),
        _plain(log.timestamp_us, np.int64),
        _plain(log.event, np.uint16),
        _plain(log.channel, np.uint16),
        _plain(log.local_day, np.int32),
        _plain(log.local_hour, np.int8),
        _plain(log.measures, np.int64),
        _plain(log.actor, np.int32),
    )
    dated = MovesIn(
        _plain(moves.offsets, np.int64),
        _plain(moves.at_us, np.int64),
        _plain(moves.stage, np.int16),
    )

    def work(first: int) -> int:
        last = min(first + RANGE, log.n_customers)
        row = int(starts[first])
        kernel(bound, edges, events, dated, first, last, row, n_actors, out)
        return last

    ranges = range(0, log.n_customers, RANGE)
    if threads == 1 or len(ranges) == 1:
        for first in ranges:
            progress("features", work(first), log.n_customers)
        return out
    with ThreadPoolExecutor(threads) as pool:
        for done in pool.map(work, ranges):
            progress("features", done, log.n_customers)
    return out


def row_starts(first_us: NDArray[np.int64], cutoffs: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the first row of each customer, and after them the number of rows."""
    counts = len(cutoffs) - np.searchsorted(cutoffs, first_us, side="right")
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)


def edges_of(windows_us: NDArray[np.int64], cutoffs: NDArray[np.int64]) -> Edges:
    """Sort all cutoffs and window starts into one list of edges."""
    life = windows_us < 0
    low_us = cutoffs[:, None] - windows_us
    at = np.unique(np.concatenate([cutoffs, low_us[:, ~life].ravel()]))
    low = np.searchsorted(at, low_us).astype(np.uint32)
    low[:, life] = len(at)
    low_us[:, life] = MISSING
    number = np.full(len(at), -1, dtype=np.int32)
    number[np.searchsorted(at, cutoffs)] = np.arange(len(cutoffs))
    beyond = np.append(at, np.iinfo(np.int64).max)
    return Edges(read_only(beyond), read_only(number), read_only(low), read_only(low_us))


def _plain(array: NDArray[Any], dtype: type[np.generic]) -> NDArray[Any]:
    return read_only(np.ascontiguousarray(array, dtype=dtype))


def _check(plan: FeaturePlan, log: EventLog, moves: DatedMoves, cutoffs: NDArray[np.int64]) -> None:
    if cutoffs.ndim != 1 or (np.diff(cutoffs) <= 0).any():
        raise FeatureError("Cutoffs must be a list of different moments in ascending order.")
    if len(moves.offsets) != log.n_customers + 1:
        msg = f"The log has {log.n_customers} customers, the moves {len(moves.offsets) - 1}."
        raise FeatureError(msg)
    if len(moves.stage) and not 0 <= moves.stage.min() <= moves.stage.max() < len(plan.stages):
        msg = f"Moves lead to stage codes outside the plan's {len(plan.stages)} stages."
        raise FeatureError(msg)
    known = log.vocabulary
    pairs = ((log.event, known.events), (log.channel, known.channels))
    if any(len(codes) and codes.max() >= len(names) for codes, names in pairs):
        raise FeatureError("The log uses event or channel codes that its vocabulary does not name.")
