"""Stages counted: people per stage, and who moved where over a horizon."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["stage_table", "transition_matrix"]


def transition_matrix(
    stage: NDArray[np.int16], next_stage: NDArray[np.int16], stages: Sequence[str]
) -> pd.DataFrame:
    """Count snapshots by present and next stage.

    Parameters
    ----------
    stage, next_stage : int16, shape (n_rows,)
        Codes into ``stages``; rows with a censored next stage (-1) are left out.
    stages : sequence of str

    Returns
    -------
    DataFrame of int64, shape (n_stages, n_stages)
        Rows ``stage``, columns ``next_stage``.

    Examples
    --------
    >>> counts = transition_matrix(np.array([0, 0, 1]), np.array([1, 1, -1]), ["new", "old"])
    >>> counts.to_numpy().tolist()
    [[0, 2], [0, 0]]
    """
    n_stages = len(stages)
    known = next_stage >= 0
    cells = stage[known].astype(np.int64) * n_stages + next_stage[known]
    counts = np.bincount(cells, minlength=n_stages * n_stages).reshape(n_stages, n_stages)
    return pd.DataFrame(
        counts.astype(np.int64),
        index=pd.Index(stages, name="stage"),
        columns=pd.Index(stages, name="next_stage"),
    )


def stage_table(
    stage: NDArray[np.int16], stages: Sequence[str], aspects: Sequence[str] | None = None
) -> pd.DataFrame:
    """Count people per stage.

    Returns
    -------
    DataFrame, shape (n_stages, 2 or 3)
        ``aspect`` when given, ``customers`` and ``share`` (of all; 0 when there is nobody).

    Examples
    --------
    >>> stage_table(np.array([0, 1, 1, 1]), ["new", "old"])["share"].tolist()
    [0.25, 0.75]
    """
    counts = np.bincount(stage, minlength=len(stages)).astype(np.int64)
    table = pd.DataFrame(
        {"customers": counts, "share": counts / max(1, len(stage))},
        index=pd.Index(stages, name="stage"),
    )
    if aspects is not None:
        table.insert(0, "aspect", list(aspects))
    return table
