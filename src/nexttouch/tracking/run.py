"""One training run in MLflow: parameters, metrics, files, data lineage and the bundle."""

from __future__ import annotations

import json
import math
import re
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nexttouch.bundle import open_bundle
from nexttouch.tracking.model_folder import save_model_folder
from nexttouch.tracking.quiet import speaking

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["TrackedRun"]


@dataclass(frozen=True)
class TrackedRun:
    """A run that is being recorded; made by ``Tracker.start_run``.

    Nothing personal may be logged: no customer ids, no event rows. Paths of this machine are kept
    out by logging content rather than files.
    """

    project: str
    run_id: str
    experiment_id: str
    uri: str
    client: Any = field(repr=False)

    def log_params(self, params: Mapping[str, Any]) -> None:
        """Record parameters; nested mappings become dotted names."""
        from mlflow.entities import Param  # noqa: PLC0415

        rows = [Param(_allowed(n), str(v)[:6000]) for n, v in _flat(params).items()]
        with speaking(self.uri):
            for start in range(0, len(rows), 100):
                self.client.log_batch(self.run_id, params=rows[start : start + 100])

    def log_metrics(self, metrics: Mapping[str, float | None], *, step: int = 0) -> None:
        """Record figures; those that are None, NaN or infinite are left out."""
        self._log_metrics([(name, value, step) for name, value in metrics.items()])

    def log_test_dates(self, dates: Mapping[str, Mapping[str, float | None]]) -> None:
        """Record the backtest: each metric as a curve over test dates, and by name of the date.

        Parameters
        ----------
        dates : mapping of ISO date to mapping of metric to value
            ``{"2025-10-01": {"churn_auc": 0.88}}`` gives ``churn_auc`` at step 0 and
            ``churn_auc/2025-10-01``.
        """
        rows = []
        for step, date in enumerate(sorted(dates)):
            for name, value in dates[date].items():
                rows += [(name, value, step), (f"{name}/{date}", value, 0)]
        self._log_metrics(rows)

    def log_files(self, files: Mapping[str, bytes | str], *, folder: str | None = None) -> None:
        """Record artifacts by name: figures (SVG, PNG), pages, JSON, the certificate, the card.

        Parameters
        ----------
        files : mapping of str to bytes or str
            Content by relative file name.
        folder : str, optional
            Folder in the run's artifacts, for example ``plots``.
        """
        with tempfile.TemporaryDirectory(prefix="nexttouch-") as place, speaking(self.uri):
            for name, content in files.items():
                path = Path(place, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content.encode() if isinstance(content, str) else content)
            self.client.log_artifacts(self.run_id, place, folder)

    def log_dataset(self, name: str, *, digest: str, facts: Mapping[str, Any]) -> None:
        """Record which data were used, by the digest of their manifest.

        Parameters
        ----------
        name : str
            For example ``events``.
        digest : str
            Hex digest of the event store's manifest.
        facts : mapping
            Strict JSON: numbers of events and customers, first and last day. No ids, no paths.
        """
        from mlflow.entities import Dataset, DatasetInput, InputTag  # noqa: PLC0415

        source = json.dumps({"manifest_digest": digest}, sort_keys=True)
        profile = json.dumps(dict(facts), sort_keys=True, allow_nan=False)
        dataset = Dataset(name, digest[:32], "nexttouch_event_store", source, profile=profile)
        inputs = [DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])]
        with speaking(self.uri):
            self.client.log_inputs(self.run_id, inputs)
            self.client.set_tag(self.run_id, "data_digest", digest)

    def log_bundle(self, folder: Path) -> str:
        """Log a bundle as a pyfunc model and register it as a new version of the project.

        Registration comes last: a run killed before leaves no version behind.

        Parameters
        ----------
        folder : Path
            A bundle; it is verified byte for byte first.

        Returns
        -------
        str
            The version.

        Raises
        ------
        BundleError
            If the bundle is damaged.
        TrackingError
            If MLflow cannot be used or the bundle's info misses a key.
        """
        from mlflow.entities import LoggedModelOutput  # noqa: PLC0415

        bundle = open_bundle(folder)
        tags = {"bundle_digest": bundle.digest}
        with tempfile.TemporaryDirectory(prefix="nexttouch-") as place, speaking(self.uri):
            saved = save_model_folder(bundle, Path(place))
            model = self.client.create_logged_model(
                self.experiment_id,
                name=self.project,
                source_run_id=self.run_id,
                tags=tags,
                model_type="nexttouch",
            )
            self.client.log_model_artifacts(model.model_id, str(saved))
            self.client.finalize_logged_model(model.model_id, "READY")
            self.client.log_outputs(self.run_id, [LoggedModelOutput(model.model_id, 0)])
            return self._register(model, tags)

    def _register(self, model: Any, tags: Mapping[str, str]) -> str:
        if not self.client.search_registered_models(f"name = '{self.project}'", max_results=1):
            self.client.create_registered_model(self.project)
        version = self.client.create_model_version(
            self.project,
            model.artifact_location,
            self.run_id,
            tags=dict(tags),
        )
        number = str(version.version)
        link = json.dumps([{"name": self.project, "version": number}])
        self.client.set_logged_model_tags(model.model_id, {"mlflow.modelVersions": link})
        self.client.set_tag(self.run_id, "model_version", number)
        return number

    def _log_metrics(self, rows: list[tuple[str, float | None, int]]) -> None:
        from mlflow.entities import Metric  # noqa: PLC0415

        now = int(time.time() * 1000)
        metrics = [
            Metric(name, float(value), now, step)
            for name, value, step in rows
            if value is not None and math.isfinite(value)
        ]
        with speaking(self.uri):
            for start in range(0, len(metrics), 1000):
                self.client.log_batch(self.run_id, metrics=metrics[start : start + 1000])


def _allowed(name: str) -> str:
    """Replace what MLflow does not allow in a name, such as the plus of a segment 'VIP+'."""
    return re.sub(r"[^\w./ :-]", "_", name)[:250]


def _flat(params: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in params.items():
        if isinstance(value, dict) and value:
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = value
    return flat
