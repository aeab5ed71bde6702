"""Explanations: how the parts of an answer add up to the served model's logit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

__all__ = ["Explanation", "Term"]


@dataclass(frozen=True)
class Term:
    """One thing an answer rests on: the column shown for it and, if not the column's, its group."""

    column: int
    group: str | None = None


@dataclass(frozen=True, eq=False)
class Explanation:
    """Contributions of terms to a logit: ``base + values.sum(axis=1)`` is the logit.

    Attributes
    ----------
    terms : tuple of Term, length n_terms
    values : float64, shape (n_rows, n_terms)
    base : float64, shape (n_rows,)

    Examples
    --------
    >>> one = Explanation((Term(0),), np.array([[1.0]]), np.array([0.5]))
    >>> Explanation.weighted([(0.5, one), (0.5, one)]).logit().tolist()
    [1.5]
    """

    terms: tuple[Term, ...]
    values: NDArray[np.float64]
    base: NDArray[np.float64]

    def logit(self) -> NDArray[np.float64]:
        """Return what the contributions add up to, shape (n_rows,)."""
        return np.asarray(self.base + self.values.sum(axis=1))

    @classmethod
    def constant(cls, base: float, n_rows: int) -> Self:
        """Explain an answer that rests on nothing but the cohort."""
        return cls((), np.zeros((n_rows, 0)), np.full(n_rows, base))

    @classmethod
    def weighted(cls, parts: Iterable[tuple[float, Any]]) -> Self:
        """Blend explanations with the weights of their logits."""
        pairs = list(parts)
        return cls(
            terms=tuple(term for _, part in pairs for term in part.terms),
            values=np.hstack([weight * part.values for weight, part in pairs]),
            base=np.sum([weight * part.base for weight, part in pairs], axis=0),
        )
