"""Columns by name: data frames are selected by name, arrays are read as they were fitted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from nexttouch.errors import FeatureMismatchError, NoRowsError, OneClassError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["MatrixClassifier", "NamedColumns", "signed_log", "two_classes"]


class NamedColumns:
    """Mixin: remember the columns of ``fit`` and find them again in ``predict``.

    After ``fit`` there are ``n_features_in_`` and, for data frames, ``feature_names_in_``. A data
    frame given later may have more columns, in any order; an array must have exactly the fitted
    columns in the fitted order.
    """

    def __sklearn_tags__(self) -> Any:
        """Missing values are a value of their own here."""
        tags = super().__sklearn_tags__()  # type: ignore[misc]
        tags.input_tags.allow_nan = True
        return tags

    def _learn_columns(self, X: Any, y: Any) -> tuple[NDArray[Any], NDArray[Any]]:
        """Check the training data, fix the columns, return plain arrays."""
        if hasattr(X, "shape") and len(X.shape) == 2 and X.shape[0] == 0:
            raise NoRowsError.while_fitting(type(self).__name__, X.shape[1])
        matrix, target = validate_data(
            self, X, y, dtype=[np.float32, np.float64], ensure_all_finite="allow-nan"
        )
        return matrix, target

    def _read_columns(self, X: Any) -> NDArray[Any]:
        """Return the fitted columns as an array, in the fitted order."""
        check_is_fitted(self)
        names = getattr(self, "feature_names_in_", None)
        if names is not None and hasattr(X, "columns"):
            missing = [name for name in names if name not in X.columns]
            if missing:
                raise FeatureMismatchError.missing(missing, list(X.columns))
            X = X[list(names)]
        elif names is not None and type(X) is np.ndarray and X.ndim == 2:
            # The serving path: no data frame, no repeated checks of names that are not there.
            if X.shape[1] != len(names):
                raise FeatureMismatchError.count(X.shape[1], len(names))
            return X
        return np.asarray(
            validate_data(
                self,
                X,
                reset=False,
                dtype=[np.float32, np.float64],
                ensure_all_finite="allow-nan",
            )
        )

    def _position(self, name: str) -> int:
        """Return where a named column stands; estimators built on named columns need names."""
        names = getattr(self, "feature_names_in_", None)
        if names is None:
            raise FeatureMismatchError.unnamed(type(self).__name__, name)
        found = np.flatnonzero(names == name)
        if not len(found):
            raise FeatureMismatchError.missing([name], [str(n) for n in names])
        return int(found[0])


class MatrixClassifier(NamedColumns, ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Classifier whose answer comes from a matrix: subclasses say how.

    ``predict_proba`` checks what it is given; ``proba_of_matrix`` trusts it, for serving.
    """

    classes_: NDArray[Any]

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Return the probability of each class, shape (n_rows, n_classes)."""
        return self.proba_of_matrix(self._read_columns(X))

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the most probable class of each row, shape (n_rows,)."""
        best = np.argmax(self.predict_proba(X), axis=1)
        return np.asarray(self.classes_[best])

    def proba_of_matrix(self, matrix: NDArray[Any]) -> NDArray[np.float64]:
        """Return the probability of each class for rows in the fitted columns."""
        raise NotImplementedError


def two_classes(model: str, target: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.intp]]:
    """Return the two classes of a target and the code of each row.

    Raises
    ------
    OneClassError
        If only one outcome is present.
    ValueError
        If there are more than two.

    Examples
    --------
    >>> two_classes("model", np.array(["no", "yes", "no"]))[1].tolist()
    [0, 1, 0]
    """
    check_classification_targets(target)
    classes, codes = np.unique(target, return_inverse=True)
    if len(classes) < 2:
        raise OneClassError.of_labels(model, {str(classes[0]): len(target)})
    if len(classes) > 2:
        raise ValueError(
            "Only binary classification is supported. The type of the target is multiclass."
        )
    return classes, codes


def signed_log(values: NDArray[Any]) -> NDArray[np.float64]:
    """Return ``sign(v) * log(1 + |v|)``: a logarithm that survives zero and refunds.

    Examples
    --------
    >>> signed_log(np.array([0.0, np.e - 1, 1 - np.e])).round(6).tolist()
    [0.0, 1.0, -1.0]
    """
    wide = np.asarray(values, dtype=np.float64)
    return np.copysign(np.log1p(np.abs(wide)), wide)
