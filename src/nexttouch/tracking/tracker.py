"""The tracking server of one project: runs in, champion out."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pandas as pd

from nexttouch.bundle import open_bundle
from nexttouch.errors import BundleError, TrackingError
from nexttouch.progress import quiet
from nexttouch.tracking.quiet import import_mlflow, speaking
from nexttouch.tracking.run import TrackedRun

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from nexttouch.progress import Progress

__all__ = ["Champion", "Tracker"]

_CHAMPION, _PREVIOUS = "champion", "previous"


@dataclass(frozen=True)
class Champion:
    """The version that is served: where it came from and a verified local copy of its bundle."""

    version: str
    run_id: str
    digest: str
    folder: Path


@dataclass(frozen=True)
class Tracker:
    """MLflow for one project; experiment and registered model carry the project's name.

    Examples
    --------
    >>> with tempfile.TemporaryDirectory() as state:
    ...     tracker = Tracker.open(project="shop", state=Path(state))
    ...     with tracker.start_run("first", params={"horizon_days": 28}) as run:
    ...         run.log_metrics({"churn_auc": 0.88})
    ...     tracker.runs_table()["churn_auc"].tolist()
    [0.88]
    """

    project: str
    uri: str
    state: Path
    experiment_id: str
    client: Any = field(repr=False)

    @classmethod
    def open(
        cls,
        uri: str | None = None,
        *,
        project: str,
        state: Path,
        progress: Progress = quiet,
    ) -> Self:
        """Connect to MLflow, creating what is missing.

        Parameters
        ----------
        uri : str, optional
            Tracking URI; ``STATE/mlflow.db`` (SQLite) with artifacts in ``STATE/artifacts`` when
            missing.
        project : str
            Name of experiment and registered model.
        state : Path
            State folder of the project, on a local disk.
        progress : callable
            Told when something slow begins.

        Raises
        ------
        TrackingError
            If MLflow cannot be reached; says what to do.
        """
        state = Path(state).resolve()
        state.mkdir(parents=True, exist_ok=True)
        database = state / "mlflow.db"
        uri = uri or f"sqlite:///{database}"
        first_use = uri == f"sqlite:///{database}" and not database.exists()
        if first_use:
            progress("Creating the MLflow database (first use only)", 0, 1)
        mlflow = import_mlflow()
        with speaking(uri):
            client = mlflow.MlflowClient(uri, registry_uri=uri)
            made = client.get_experiment_by_name(project)
            if made is None and uri.startswith("sqlite:"):
                _use_wal(Path(uri.removeprefix("sqlite:///")))
                artifacts = (state / "artifacts").as_uri()
                number = client.create_experiment(project, artifact_location=artifacts)
            else:
                number = made.experiment_id if made else client.create_experiment(project)
        if first_use:
            progress("Creating the MLflow database (first use only)", 1, 1)
        return cls(project, uri, state, str(number), client)

    @contextmanager
    def start_run(
        self,
        name: str | None = None,
        *,
        tags: Mapping[str, str] | None = None,
        params: Mapping[str, Any] | None = None,
    ) -> Iterator[TrackedRun]:
        """Record a run; it ends as FINISHED, or FAILED or KILLED when the block does not finish."""
        with speaking(self.uri):
            made = self.client.create_run(self.experiment_id, run_name=name, tags=dict(tags or {}))
        run = TrackedRun(self.project, made.info.run_id, self.experiment_id, self.uri, self.client)
        status = "KILLED"
        try:
            run.log_params(params or {})
            yield run
            status = "FINISHED"
        except Exception:
            status = "FAILED"
            raise
        finally:
            with speaking(self.uri):
                self.client.set_terminated(run.run_id, status)

    def set_champion(self, version: str) -> None:
        """Give a version the alias ``champion``; the former one becomes ``previous``.

        Raises
        ------
        TrackingError
            If there is no such version.
        """
        with speaking(self.uri):
            self.client.get_model_version(self.project, version)
            former = self._version_of(_CHAMPION)
            if former is not None and str(former.version) != str(version):
                self.client.set_registered_model_alias(self.project, _PREVIOUS, former.version)
            self.client.set_registered_model_alias(self.project, _CHAMPION, version)

    def champion(self, *, alias: str = _CHAMPION) -> Champion:
        """Return the champion with a verified copy of its bundle in a private folder (0700).

        A copy that is already there is verified again and not fetched.

        Raises
        ------
        TrackingError
            If no version has the alias or MLflow cannot be reached.
        BundleError
            If what MLflow holds is damaged or not what was registered.
        """
        with speaking(self.uri):
            version = self._version_of(alias)
            if version is None:
                raise TrackingError.no_champion(self.project)
            digest = version.tags.get("bundle_digest", "")
            folder = self.state / "bundles" / digest
            if not (digest and _holds(folder, digest)):
                self._fetch(version, digest, folder)
        return Champion(str(version.version), version.run_id, digest, folder)

    def runs_table(self, *, limit: int = 50) -> pd.DataFrame:
        """List the newest runs: name, status, times, version, alias, metrics and digests.

        Returns
        -------
        DataFrame
            One row per run, newest first; one column per metric that is not bound to a date.
        """
        with speaking(self.uri):
            runs = self.client.search_runs(
                [self.experiment_id], max_results=limit, order_by=["attributes.start_time DESC"]
            )
            named = self.client.search_registered_models(f"name = '{self.project}'", max_results=1)
        aliases: dict[str, list[str]] = {}
        for alias, version in (named[0].aliases if named else {}).items():
            aliases.setdefault(str(version), []).append(alias)
        columns = ["run_id", "name", "status", "started_at", "ended_at", "version", "alias"]
        rows = [_row(run, aliases) for run in runs]
        return pd.DataFrame(rows, columns=None if rows else columns)

    def _version_of(self, alias: str) -> Any | None:
        named = self.client.search_registered_models(f"name = '{self.project}'", max_results=1)
        number = named[0].aliases.get(alias) if named else None
        return None if number is None else self.client.get_model_version(self.project, number)

    def _fetch(self, version: Any, digest: str, folder: Path) -> None:
        """Download into a private temporary folder, verify, then move into place."""
        mlflow = import_mlflow()
        folder.parent.mkdir(mode=0o700, exist_ok=True)
        os.chmod(folder.parent, 0o700)  # noqa: PTH101 - also when it was there before
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".fetch-") as place:
            uri = f"{version.source}/artifacts/bundle"
            fetched = mlflow.artifacts.download_artifacts(
                artifact_uri=uri, dst_path=place, tracking_uri=self.uri
            )
            bundle = open_bundle(Path(fetched))
            if bundle.digest != digest:
                raise BundleError(
                    f"Version {version.version} of '{self.project}' was registered with bundle "
                    f"{digest[:12] or '(none)'} but MLflow holds {bundle.digest[:12]}. It was not "
                    "loaded; train again, or give the alias to another version."
                )
            shutil.rmtree(folder, ignore_errors=True)
            Path(fetched).rename(folder)


def _use_wal(database: Path) -> None:
    """Let readers work beside one writer; the setting stays in the file."""
    with closing(sqlite3.connect(database, timeout=5)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")


def _holds(folder: Path, digest: str) -> bool:
    try:
        return open_bundle(folder).digest == digest
    except BundleError:
        return False


def _row(run: Any, aliases: Mapping[str, list[str]]) -> dict[str, Any]:
    tags, version = run.data.tags, run.data.tags.get("model_version", "")
    ended = run.info.end_time
    return {
        "run_id": run.info.run_id,
        "name": tags.get("mlflow.runName", ""),
        "status": run.info.status,
        "started_at": pd.Timestamp(run.info.start_time, unit="ms", tz="UTC"),
        "ended_at": pd.NaT if ended is None else pd.Timestamp(ended, unit="ms", tz="UTC"),
        "version": version,
        "alias": ", ".join(sorted(aliases.get(version, []))),
        **{k: v for k, v in sorted(run.data.metrics.items()) if "/" not in k},
        "data_digest": tags.get("data_digest", ""),
    }
