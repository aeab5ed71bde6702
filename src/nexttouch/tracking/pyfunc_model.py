"""The script that MLflow runs for a logged bundle: events in, one answer per customer out.

``mlflow.pyfunc.load_model("models:/shop@champion").predict(events, params={"as_of": "..."})``
"""

from pathlib import Path
from typing import Any

import pandas as pd

from nexttouch.bundle import load_entry_point, verify_in_child
from nexttouch.tracking.quiet import import_mlflow

mlflow = import_mlflow()

_TIMES = ("timestamp", "ingested_at")  # text where they came as JSON


class BundleModel(mlflow.pyfunc.PythonModel):  # type: ignore[misc, name-defined]
    """A bundle that was verified in a child process before this process loaded it."""

    def load_context(self, context: Any) -> None:
        """Verify and load the bundle that lies beside this script."""
        folder = Path(context.artifacts["bundle"])
        entries = context.model_config
        bundle = verify_in_child(folder, entry=entries["probe"])
        self._zone = str(bundle.info.get("time_zone", "UTC"))
        self._predictor = load_entry_point(entries["predictor"], within="nexttouch").load(folder)

    def predict(
        self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> pd.DataFrame:
        """Answer for each customer in a frame of canonical events.

        Parameters
        ----------
        context : PythonModelContext
            MLflow's; not used after loading.
        model_input : DataFrame
            ``customer_id``, ``timestamp``, ``event`` and, where known, ``channel``, ``value``, ...
        params : dict, optional
            ``as_of``: the moment the answers are for; just after the newest event when missing.

        Returns
        -------
        DataFrame
            ``customer_id``, ``stage``, ``p_churn`` and ``p_stage_*``; one row per customer.
        """
        del context
        texts = [c for c in _TIMES if c in model_input and model_input[c].dtype.kind != "M"]
        model_input = model_input.assign(
            **{name: pd.to_datetime(model_input[name], format="ISO8601") for name in texts}
        )
        wanted = (params or {}).get("as_of")
        if wanted:
            as_of = pd.Timestamp(wanted)
        else:
            as_of = model_input["timestamp"].max() + pd.Timedelta(microseconds=1)
        as_of = as_of.tz_localize(self._zone) if as_of.tzinfo is None else as_of
        answer: pd.DataFrame = self._predictor.predict_events(model_input, as_of.tz_convert("UTC"))
        return answer


mlflow.models.set_model(BundleModel())
