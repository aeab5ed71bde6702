"""Probe rows: inputs with the outputs the bundle gave when it was written."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from nexttouch.bundle.contents import dump_json
from nexttouch.errors import BundleError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["PROBE_TOLERANCE", "Probe"]

PROBE_TOLERANCE = 1e-9


@dataclass(frozen=True, eq=False)
class Probe:
    """Feature rows and the answers expected for them.

    Rows carry no customer id. Take rows that are made up or shuffled within each column: a bundle
    is shown in MLflow, and a real row can single a person out.

    Attributes
    ----------
    columns : tuple of str, length n_features
    rows : float64, shape (n_rows, n_features)
        NaN where a feature is missing.
    outputs : tuple of str, length n_outputs
        For example ``p_churn`` and ``p_stage_active``.
    expected : float64, shape (n_rows, n_outputs)

    Examples
    --------
    >>> probe = Probe(("recency_days_activity",), np.array([[np.nan], [3.0]]),
    ...               ("p_churn",), np.array([[0.5], [0.25]]))
    >>> Probe.from_bytes(probe.to_bytes()).rows.tolist()
    [[nan], [3.0]]
    """

    columns: tuple[str, ...]
    rows: NDArray[np.float64]
    outputs: tuple[str, ...]
    expected: NDArray[np.float64]

    def to_bytes(self) -> bytes:
        """Write the probe as strict JSON; floats keep every bit.

        Raises
        ------
        BundleError
            If shapes disagree, there is no row, or an expected output is not finite.
        """
        self._check()
        return dump_json(
            {
                "columns": list(self.columns),
                "rows": [[None if np.isnan(v) else float(v) for v in row] for row in self.rows],
                "outputs": list(self.outputs),
                "expected": self.expected.astype(np.float64).tolist(),
            }
        )

    @classmethod
    def from_bytes(cls, content: bytes) -> Self:
        """Read what ``to_bytes`` wrote.

        Raises
        ------
        BundleError
            If the content has another shape.
        """
        try:
            raw = json.loads(content)
            n_columns, n_outputs = len(raw["columns"]), len(raw["outputs"])
            cells = [[np.nan if v is None else float(v) for v in row] for row in raw["rows"]]
            probe = cls(
                columns=tuple(map(str, raw["columns"])),
                rows=np.array(cells, dtype=np.float64).reshape(-1, n_columns),
                outputs=tuple(map(str, raw["outputs"])),
                expected=np.array(raw["expected"], dtype=np.float64).reshape(-1, n_outputs),
            )
        except (ValueError, TypeError, KeyError) as error:
            raise BundleError(f"'probe.json' has another shape than expected: {error!r}.") from None
        probe._check()
        return probe

    def compare(self, outputs: NDArray[np.float64], *, tolerance: float = PROBE_TOLERANCE) -> None:
        """Refuse outputs that differ from the expected ones by more than ``tolerance``.

        Parameters
        ----------
        outputs : float64, shape (n_rows, n_outputs)

        Raises
        ------
        BundleError
            Naming the first row and output that differ.

        Examples
        --------
        >>> probe = Probe(("x",), np.array([[1.0]]), ("p_churn",), np.array([[0.25]]))
        >>> probe.compare(np.array([[0.75]]))
        Traceback (most recent call last):
        nexttouch.errors.BundleError: [NT710] Probe row 0 gives p_churn = 0.75 instead of 0.25...
        """
        outputs = np.asarray(outputs, dtype=np.float64)
        if outputs.shape != self.expected.shape:
            raise BundleError(
                f"The probe gave outputs of shape {outputs.shape} instead of {self.expected.shape}."
            )
        wrong = ~(np.abs(outputs - self.expected) <= tolerance)
        if wrong.any():
            row, column = (int(i) for i in np.argwhere(wrong)[0])
            found, expected = float(outputs[row, column]), float(self.expected[row, column])
            raise BundleError(
                f"Probe row {row} gives {self.outputs[column]} = {found!r} instead of {expected!r} "
                f"({int(wrong.any(axis=1).sum())} of {len(wrong)} rows differ). The bundle is not "
                "the model that was trained, or this machine computes differently; keep the "
                "previous bundle and train again."
            )

    def _check(self) -> None:
        n_rows = len(self.rows)
        if (
            n_rows == 0
            or self.rows.shape != (n_rows, len(self.columns))
            or self.expected.shape != (n_rows, len(self.outputs))
            or not self.outputs
        ):
            raise BundleError(
                f"A probe needs at least one row and one output, and matching shapes; got rows "
                f"{self.rows.shape} for {len(self.columns)} columns and expected outputs "
                f"{self.expected.shape} for {len(self.outputs)} outputs."
            )
        if np.isinf(self.rows).any() or not np.isfinite(self.expected).all():
            raise BundleError(
                "Probe rows may be NaN but not infinite; expected outputs are finite."
            )
