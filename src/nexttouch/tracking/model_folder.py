"""A bundle as an MLflow model folder: script, signature and a made-up example."""

from __future__ import annotations

import shutil
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from nexttouch.errors import TrackingError
from nexttouch.tracking.quiet import import_mlflow

if TYPE_CHECKING:
    from nexttouch.bundle import Bundle

__all__ = ["save_model_folder"]

_PACKAGES = ("nexttouch", "lightgbm", "mlflow", "numba", "numpy", "pandas", "pyarrow")
_OPTIONAL_TEXT = ("channel", "event_id", "actor_id")


def save_model_folder(bundle: Bundle, place: Path) -> Path:
    """Write an MLflow model folder below ``place``.

    What MLflow stores names no path of this machine: script and bundle are copied to ``place``,
    a temporary folder, first.

    Parameters
    ----------
    bundle : Bundle
        ``info`` must hold ``entry_points`` (``predictor`` and ``probe``), ``stages`` and
        ``events`` (names, the first one stands in the example); ``measures`` and ``time_zone``
        where the project has them.
    place : Path
        An empty folder.

    Returns
    -------
    Path
        The model folder, to be logged as it is.

    Raises
    ------
    TrackingError
        If ``info`` misses a key.
    """
    mlflow = import_mlflow()
    missing = [key for key in ("entry_points", "stages", "events") if not bundle.info.get(key)]
    if missing:
        raise TrackingError(
            f"The info of the bundle in {bundle.folder} misses {', '.join(missing)}, which MLflow "
            "needs to load it. Write the bundle again with this version of nexttouch."
        )
    script = Path(
        shutil.copy(Path(__file__).with_name("pyfunc_model.py"), place / "bundle_model.py")
    )
    shutil.copytree(bundle.folder, place / "bundle")
    mlflow.pyfunc.save_model(
        place / "model",
        python_model=str(script),
        artifacts={"bundle": str(place / "bundle")},
        model_config={name: bundle.info["entry_points"][name] for name in ("predictor", "probe")},
        signature=_signature(bundle),
        input_example=(_example(bundle), {"as_of": "2000-02-01T00:00:00Z"}),
        pip_requirements=[f"{name}=={metadata.version(name)}" for name in _PACKAGES],
        metadata={"bundle_digest": bundle.digest},
    )
    return place / "model"


def _signature(bundle: Bundle) -> Any:
    """Describe events in, answers out; times and measures of any type, as MLflow refuses zones."""
    from mlflow.models import ModelSignature  # noqa: PLC0415
    from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema  # noqa: PLC0415
    from mlflow.types.schema import AnyType  # noqa: PLC0415

    measures = dict.fromkeys(("value", *bundle.info.get("measures", ())))
    inputs = [
        ColSpec("string", "customer_id"),
        ColSpec(AnyType(), "timestamp"),
        ColSpec("string", "event"),
        *(ColSpec("string", name, required=False) for name in _OPTIONAL_TEXT),
        *(ColSpec(AnyType(), name, required=False) for name in (*measures, "ingested_at")),
    ]
    outputs = [
        ColSpec("string", "customer_id"),
        ColSpec("string", "stage"),
        ColSpec("double", "p_churn"),
        *(ColSpec("double", f"p_stage_{stage}") for stage in bundle.info["stages"]),
    ]
    return ModelSignature(
        inputs=Schema(inputs),
        outputs=Schema(outputs),
        params=ParamSchema([ParamSpec("as_of", "string", default=None)]),
    )


def _example(bundle: Bundle) -> pd.DataFrame:
    """Two made-up customers in the year 2000; nothing in it comes from the data."""
    event = str(bundle.info["events"][0])
    days = ["2000-01-03T09:00:00Z", "2000-01-17T10:30:00Z", "2000-01-24T18:15:00Z"]
    return pd.DataFrame(
        {
            "customer_id": ["example-1", "example-1", "example-2"],
            "timestamp": days,
            "event": [event] * 3,
            "value": [10.0, 20.0, 30.0],
        }
    )
