"""Legal next stages: what the journey's rules cannot reach has probability exactly zero."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nexttouch.errors import IllegalTargetError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["LegalStages", "check_targets", "mask_illegal"]


def mask_illegal(
    raw: NDArray[np.float64], legal: NDArray[np.bool_], floor: NDArray[np.float64] | None = None
) -> NDArray[np.float64]:
    """Zero what is illegal and rescale each row to sum to one.

    Parameters
    ----------
    raw : float64, shape (n_rows, n_stages)
        Non-negative scores.
    legal : bool, shape (n_rows, n_stages)
        At least one True per row.
    floor : float64, shape (n_stages,), optional
        Least score of a legal stage: a stage that training never saw is unlikely, not impossible.

    Examples
    --------
    >>> legal = np.array([[True, True, False]])
    >>> mask_illegal(np.array([[0.2, 0.2, 0.6]]), legal).tolist()
    [[0.5, 0.5, 0.0]]
    """
    kept = raw if floor is None else np.maximum(raw, floor)
    kept = np.where(legal, kept, 0.0)
    total = kept.sum(axis=1, keepdims=True)
    lost = total[:, 0] <= 0.0
    if lost.any():  # every legal stage was scored zero: the rules are all that is known
        kept[lost] = legal[lost]
        total = kept.sum(axis=1, keepdims=True)
    return np.asarray(kept / total)


def check_targets(
    legal: NDArray[np.bool_], stage: NDArray[np.intp], next_stage: NDArray[Any]
) -> None:
    """Refuse observed stages that the rules cannot reach.

    Raises
    ------
    IllegalTargetError
        With the number of rows and the first pair.

    Examples
    --------
    >>> check_targets(np.array([[True, False], [True, True]]), np.array([1]), np.array([0]))
    """
    target = next_stage.astype(np.intp)
    wrong = (target < 0) | (target >= legal.shape[1])
    wrong |= ~legal[stage, np.where(wrong, 0, target)]
    if wrong.any():
        first = int(np.flatnonzero(wrong)[0])
        raise IllegalTargetError.observed(int(wrong.sum()), int(stage[first]), int(target[first]))


class LegalStages:
    """Mixin for estimators with ``stage_column`` and ``legal`` parameters."""

    stage_column: str | None
    legal: NDArray[np.bool_] | None

    def _learn_legal(self, target: NDArray[Any]) -> None:
        """Fix the stage column, the classes and the floor of unseen stages."""
        self.legal_ = np.asarray(self.legal, dtype=bool)
        self.classes_ = np.arange(len(self.legal_))
        self.stage_at_ = self._position(self.stage_column)  # type: ignore[attr-defined]
        unseen = ~np.isin(self.classes_, target)
        self.floor_ = np.where(unseen, 0.5 / len(target), 0.0)

    def _stage(self, matrix: NDArray[Any]) -> NDArray[np.intp]:
        return np.asarray(matrix[:, self.stage_at_], dtype=np.intp)

    def _mask(self, matrix: NDArray[Any], raw: NDArray[np.float64]) -> NDArray[np.float64]:
        if self.legal is None:
            return raw
        return mask_illegal(raw, self.legal_[self._stage(matrix)], self.floor_)
