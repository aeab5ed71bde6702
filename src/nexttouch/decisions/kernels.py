"""The passes over all customers: best tier at given prices. numba when it pays, numpy otherwise.

Both give the same bits: a choice compares ``quanta - price`` in float64 in tier order, and totals
are whole numbers.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from nexttouch.jit import jit, kernel_path

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = ["Engine", "best_tiers", "priced_totals"]

Engine = Literal["auto", "numba", "numpy"]
COMPILING_PAYS = 200_000  # customers above which compiling costs less than it saves
_CHUNK = 65_536


def best_tiers(
    quanta: NDArray[np.int64],
    segment: NDArray[np.int32],
    price: NDArray[np.float64],
    *,
    engine: Engine = "auto",
) -> NDArray[np.int8]:
    """Return each customer's best tier after prices; ties go to the cheaper tier.

    Parameters
    ----------
    quanta : int64 array of shape (n_customers, n_tiers)
    segment : int32 array of shape (n_customers,)
    price : float array of shape (n_segments, n_tiers)
        In quanta.

    Examples
    --------
    >>> best_tiers(np.array([[0, 5], [0, 2]]), np.zeros(2, np.int32), np.array([[0.0, 2.0]]))
    array([1, 0], dtype=int8)
    """
    out = np.empty(len(quanta), dtype=np.int8)
    compiled = _compiled() if _use_numba(len(quanta), engine) else None
    if compiled is not None:
        compiled[0](quanta, segment, price, out)
        return out
    for start in range(0, len(quanta), _CHUNK):
        part = slice(start, start + _CHUNK)
        out[part] = (quanta[part] - price[segment[part]]).argmax(axis=1)
    return out


def priced_totals(
    quanta: NDArray[np.int64],
    segment: NDArray[np.int32],
    price: NDArray[np.float64],
    *,
    engine: Engine = "auto",
) -> tuple[int, NDArray[np.int64]]:
    """Return total quanta and the customers per segment and tier when all take their best tier.

    Returns
    -------
    total : int
    counts : int64 array of shape (n_segments, n_tiers)

    Examples
    --------
    >>> total, counts = priced_totals(np.array([[0, 5], [0, 2]]), np.zeros(2, np.int32),
    ...                               np.array([[0.0, 2.0]]))
    >>> total, counts.tolist()
    (5, [[1, 1]])
    """
    counts = np.zeros(price.shape, dtype=np.int64)
    compiled = _compiled() if _use_numba(len(quanta), engine) else None
    if compiled is not None:
        return int(compiled[1](quanta, segment, price, counts)), counts
    total = 0
    for start in range(0, len(quanta), _CHUNK):
        part = slice(start, start + _CHUNK)
        best = (quanta[part] - price[segment[part]]).argmax(axis=1)
        total += int(quanta[part][np.arange(len(best)), best].sum())
        code = segment[part].astype(np.int64) * price.shape[1] + best
        counts += np.bincount(code, minlength=price.size).reshape(price.shape)
    return total, counts


def _use_numba(customers: int, engine: Engine) -> bool:
    return engine == "numba" or (engine == "auto" and customers >= COMPILING_PAYS)


@cache
def _compiled() -> tuple[Callable[..., Any], Callable[..., Any]] | None:
    if kernel_path() == "python":  # numpy is quicker than loops that are not compiled
        return None
    return jit(_best_loop), jit(_total_loop)


def _best_loop(quanta: Any, segment: Any, price: Any, out: Any) -> None:  # pragma: no cover
    for i in range(quanta.shape[0]):
        s = segment[i]
        best = quanta[i, 0] - price[s, 0]
        tier = 0
        for t in range(1, quanta.shape[1]):
            worth = quanta[i, t] - price[s, t]
            if worth > best:
                best = worth
                tier = t
        out[i] = tier


def _total_loop(quanta: Any, segment: Any, price: Any, counts: Any) -> int:  # pragma: no cover
    total = 0
    for i in range(quanta.shape[0]):
        s = segment[i]
        best = quanta[i, 0] - price[s, 0]
        tier = 0
        for t in range(1, quanta.shape[1]):
            worth = quanta[i, t] - price[s, t]
            if worth > best:
                best = worth
                tier = t
        total += quanta[i, tier]
        counts[s, tier] += 1
    return total
