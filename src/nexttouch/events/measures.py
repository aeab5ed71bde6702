"""Amounts and numbers as whole steps, so that sums do not depend on their order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nexttouch.events.log import Measure

__all__ = ["LARGEST_STEPS", "scale_of", "to_number", "to_steps"]

LARGEST_STEPS = 2**50 - 1
"""Largest whole number of steps: it survives the way to a float and back, and thousands of them
add up in int64."""


def scale_of(measure: Measure) -> tuple[float, bool]:
    """Return how a number becomes steps: times a whole number, or (False) divided by the step.

    Examples
    --------
    >>> from nexttouch.events.log import Measure
    >>> scale_of(Measure("value", "money", 0.01)), scale_of(Measure("miles", "number", 5.0))
    ((100.0, True), (5.0, False))
    """
    per_unit = round(1 / measure.step)
    if per_unit >= 1 and abs(per_unit * measure.step - 1) < 1e-9:
        return float(per_unit), True
    return float(measure.step), False


def to_steps(numbers: NDArray[np.float64], measure: Measure) -> NDArray[np.int64]:
    """Round numbers to whole steps, halves away from zero.

    Parameters
    ----------
    numbers : float64, shape (n,)
        Finite, and at most ``LARGEST_STEPS`` steps.
    measure : Measure
        Its step decides.

    Returns
    -------
    int64, shape (n,)

    Examples
    --------
    >>> from nexttouch.events.log import Measure
    >>> to_steps(np.array([11.77, 0.125, -0.125]), Measure("value", "money", 0.01)).tolist()
    [1177, 13, -13]
    """
    scale, times = scale_of(measure)
    exact = numbers * scale if times else numbers / scale
    whole = np.trunc(exact)
    away = np.abs(exact - whole) >= 0.5
    return (whole + np.copysign(away, exact)).astype(np.int64)


def to_number(steps: NDArray[np.int64], measure: Measure) -> NDArray[np.float64]:
    """Return the numbers behind whole steps; ``to_steps`` gives the same steps back.

    Examples
    --------
    >>> from nexttouch.events.log import Measure
    >>> to_number(np.array([1177]), Measure("value", "money", 0.01)).tolist()
    [11.77]
    """
    scale, times = scale_of(measure)
    numbers = steps.astype(np.float64)
    return numbers / scale if times else numbers * scale
