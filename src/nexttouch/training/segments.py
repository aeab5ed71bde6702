"""Segments: groups of customers with their own margin, floors and slices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["SegmentSpec", "segments_of"]


class SegmentSpec(BaseModel):
    """Customers whose feature lies in ``[at_least, below)`` at the cutoff."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1, description="Short name, as it appears in reports.")
    description: str = Field(default="", description="Who these customers are, in a sentence.")
    feature: str = Field(description="A feature column, for example sum_value_activity_life.")
    at_least: float | None = Field(default=None, description="Inclusive lower bound.")
    below: float | None = Field(default=None, description="Exclusive upper bound.")

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if self.at_least is None and self.below is None:
            message = f"segment '{self.name}' needs at_least or below, otherwise it holds everybody"
            raise ValueError(message)
        return self


def segments_of(
    specs: Sequence[SegmentSpec], names: Sequence[str], X: NDArray[np.float32]
) -> NDArray[np.object_]:
    """Return each row's segment: the first rule that holds, else ``all``.

    Parameters
    ----------
    specs : sequence of SegmentSpec, in order
    names : sequence of str
        Columns of ``X``.
    X : float32, shape (n_rows, n_features)

    Examples
    --------
    >>> big = SegmentSpec(name="big", feature="spend", at_least=100)
    >>> segments_of([big], ["spend"], np.array([[250.0], [3.0]])).tolist()
    ['big', 'all']
    """
    segment = np.full(len(X), "all", dtype=object)
    for spec in reversed(specs):
        value = X[:, list(names).index(spec.feature)]
        low = -np.inf if spec.at_least is None else spec.at_least
        high = np.inf if spec.below is None else spec.below
        segment[(value >= low) & (value < high)] = spec.name
    return segment
