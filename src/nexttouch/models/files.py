"""Files of fitted models: LightGBM text and JSON, nothing that runs when it is read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from nexttouch.errors import ModelFileError
from nexttouch.models.bgnbd import BGNBDClassifier, PurchaseRhythm
from nexttouch.models.blend import BaseRateClassifier, BlendClassifier
from nexttouch.models.lightgbm_heads import ChurnClassifier, NextStageClassifier
from nexttouch.models.logistic import RFMLogistic, StageLogistic
from nexttouch.models.markov import MarkovClassifier, StayClassifier
from nexttouch.models.rfm import Standardised
from nexttouch.models.value import ValueRegressor

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["KINDS", "pack", "unpack"]

KINDS = {
    kind.__name__: kind
    for kind in (
        BaseRateClassifier,
        BGNBDClassifier,
        BlendClassifier,
        ChurnClassifier,
        MarkovClassifier,
        NextStageClassifier,
        PurchaseRhythm,
        RFMLogistic,
        Standardised,
        StageLogistic,
        StayClassifier,
        ValueRegressor,
    )
}


def pack(model: Any, name: str, files: dict[str, bytes]) -> Any:
    """Turn a fitted model into JSON values; boosters go to files of their own.

    Parameters
    ----------
    model : fitted estimator, array or plain value
    name : str
        Prefix of the booster files.
    files : dict of str to bytes
        Receives one ``.txt`` file for each booster.

    Examples
    --------
    >>> pack(np.array([1.0, np.nan]), "x", {})
    {'array': [1.0, None], 'dtype': 'float64'}
    """
    if type(model).__name__ in KINDS:
        state = {k: pack(v, f"{name}.{k.strip('_')}", files) for k, v in vars(model).items()}
        return {"kind": type(model).__name__, "state": state}
    if isinstance(model, np.ndarray):
        if model.dtype.kind == "f":
            values = model.astype(object)
            values[~np.isfinite(model)] = None
            values = values.tolist()
        else:
            values = model.tolist()
        return {"array": values, "dtype": "str" if model.dtype.kind in "OU" else model.dtype.name}
    if hasattr(model, "model_to_string"):
        path = f"{name.removesuffix('.booster')}.txt"
        files[path] = model.model_to_string().encode()
        return {"booster": path}
    if isinstance(model, (tuple, list)):
        return {"tuple": [pack(item, name, files) for item in model]}
    return model.item() if isinstance(model, np.generic) else model


def unpack(value: Any, files: Mapping[str, bytes]) -> Any:
    """Build a model again from what `pack` made of it.

    Raises
    ------
    ModelFileError
        If a file is missing or a kind is unknown.

    Examples
    --------
    >>> unpack({"array": [1.0, None], "dtype": "float64"}, {})
    array([ 1., nan])
    """
    if not isinstance(value, dict):
        return value
    if "kind" in value:
        kind = KINDS.get(str(value["kind"]))
        if kind is None:
            raise ModelFileError.unknown_kind(str(value["kind"]))
        model = kind.__new__(kind)
        vars(model).update({k: unpack(v, files) for k, v in value["state"].items()})
        return model
    if "array" in value:
        if value["dtype"] == "str":
            return np.array(value["array"], dtype=object)
        return np.array(value["array"], dtype=value["dtype"])
    if "booster" in value:
        import lightgbm  # noqa: PLC0415 - seconds to import; only boosters need it

        path = str(value["booster"])
        if path not in files:
            raise ModelFileError.missing(path)
        return lightgbm.Booster(model_str=files[path].decode())
    return tuple(unpack(item, files) for item in value["tuple"])


def read_json(name: str, files: Mapping[str, bytes]) -> dict[str, Any]:
    """Read a JSON document among the files.

    Raises
    ------
    ModelFileError
        If it is missing or is not a JSON object.
    """
    if name not in files:
        raise ModelFileError.missing(name)
    try:
        document = json.loads(files[name])
    except ValueError as error:
        raise ModelFileError.unreadable(name, str(error)) from error
    if not isinstance(document, dict):
        raise ModelFileError.unreadable(name, "it is not a JSON object")
    return document
