"""HiGHS, asked one small linear or integer program at a time, always with the same answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import csc_array

__all__ = ["Answer", "maximise"]

NODE_LIMIT = 100  # a work limit: a time limit would make the answer depend on the machine


@dataclass(frozen=True)
class Answer:
    """A feasible point, the best value it was proven it could have, and whether it was reached."""

    x: NDArray[np.float64]
    value: float
    bound: float
    optimal: bool


def maximise(
    worth: NDArray[np.float64],
    matrix: csc_array,
    row_upper: NDArray[np.float64],
    col_upper: NDArray[np.float64],
    *,
    row_lower: NDArray[np.float64] | None = None,
    col_lower: NDArray[np.float64] | None = None,
    integer: bool = False,
    abs_gap: float = 0.0,
    enough: float = np.inf,
) -> Answer | None:
    """Maximise ``worth @ x`` with ``row_lower <= matrix @ x <= row_upper``.

    One thread, a fixed seed and a node limit make the answer a function of the input alone.

    Parameters
    ----------
    worth : float array of shape (n_columns,)
    matrix : csc_array of shape (n_rows, n_columns)
    row_upper, row_lower : float array of shape (n_rows,)
        ``row_lower`` is minus infinity unless given.
    col_upper, col_lower : float array of shape (n_columns,)
        ``col_lower`` is 0 unless given.
    integer : bool
        Whether all columns are whole numbers.
    abs_gap : float
        How far from the optimum an integer answer may stop.
    enough : float
        A value at which an integer answer may stop.

    Returns
    -------
    Answer or None
        None when no feasible point was found: a status without one is never taken for an answer.

    Examples
    --------
    >>> from scipy.sparse import csc_array
    >>> one_row = csc_array(np.array([[3.0, 2.0]]))
    >>> answer = maximise(np.array([5.0, 3.0]), one_row, np.array([4.0]), np.ones(2), integer=True)
    >>> answer.x.round().tolist(), answer.value
    ([1.0, 0.0], 5.0)
    """
    import highspy  # noqa: PLC0415 - reading a configuration should not load the solver

    columns, rows = len(worth), len(row_upper)
    program = highspy.HighsLp()
    program.num_col_, program.num_row_ = columns, rows
    program.col_cost_, program.sense_ = worth, highspy.ObjSense.kMaximize
    program.col_lower_ = np.zeros(columns) if col_lower is None else col_lower
    program.col_upper_ = np.where(np.isfinite(col_upper), col_upper, highspy.kHighsInf)
    program.row_lower_ = np.full(rows, -highspy.kHighsInf) if row_lower is None else row_lower
    program.row_upper_ = row_upper
    program.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    program.a_matrix_.start_ = matrix.indptr
    program.a_matrix_.index_ = matrix.indices
    program.a_matrix_.value_ = matrix.data
    if integer:
        program.integrality_ = [highspy.HighsVarType.kInteger] * columns
    solver = highspy.Highs()
    for option, value in (
        ("output_flag", False),
        ("threads", 1),
        ("random_seed", 0),
        ("mip_rel_gap", 0.0),
        ("mip_abs_gap", max(abs_gap, 1e-9)),
        ("mip_max_nodes", NODE_LIMIT),
        ("objective_target", enough),
        ("primal_feasibility_tolerance", 1e-9),
        ("dual_feasibility_tolerance", 1e-9),
        ("mip_feasibility_tolerance", 1e-9),
    ):
        solver.setOptionValue(option, value)
    solver.passModel(program)
    solver.run()
    info = solver.getInfo()
    if int(info.primal_solution_status) != 2:  # 2: a feasible point
        return None
    x = np.array(solver.getSolution().col_value, dtype=np.float64)
    value = float(info.objective_function_value)
    bound = float(info.mip_dual_bound) if integer else value
    optimal = solver.getModelStatus() == highspy.HighsModelStatus.kOptimal
    return Answer(x, value, bound, optimal)
