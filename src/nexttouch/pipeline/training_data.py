"""From a project's event store to its training set and certificate."""

from __future__ import annotations

import hashlib
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from nexttouch.engine import EventStore
from nexttouch.engine import ingest as into_store
from nexttouch.errors import NoTrainingRowsError
from nexttouch.events.windows import EventsOf
from nexttouch.pipeline.definition import Definition
from nexttouch.pipeline.project import Project
from nexttouch.progress import Progress, quiet
from nexttouch.snapshots import SnapshotPlan
from nexttouch.training.build import build_training_set as from_logs
from nexttouch.training.certificate import Certificate, Evidence, certify

if TYPE_CHECKING:
    from nexttouch.config import Config
    from nexttouch.events import Vocabulary
    from nexttouch.training.snapshot_table import FeaturePath
    from nexttouch.training.training_set import TrainingSet

__all__ = ["Built", "build_training_set", "leakage_certificate"]


@dataclass(frozen=True)
class Built:
    """A training set, the plan of its cutoffs and the data it came from."""

    training_set: TrainingSet
    plan: SnapshotPlan
    definition: Definition
    path: FeaturePath
    vocabulary: Vocabulary
    data_digest: str
    observed_until_us: int
    facts: dict[str, Any]


def build_training_set(
    project: str | Path | Config | Project, *, progress: Progress = quiet
) -> Built:
    """Compute features and labels of every eligible snapshot of a project.

    Raises
    ------
    DataCheckError
        If the log is missing, too short, or holds no activity event.
    """
    opened = Project.open(project)
    store = EventStore.open(opened.store_folder)
    definition = Definition.of(opened.config)
    plan = SnapshotPlan.lay_out(
        opened.config.data.snapshots,
        horizon_days=definition.labels.horizon_days,
        observed_from_us=first_activity_us(store, definition.labels.activity),
        observed_until_us=store.observed_until_us,
        time_zone=store.time_zone,
    )
    path = definition.path(store.vocabulary)
    training_set = from_logs(
        store.logs(),
        plan.cutoffs_us,
        path=path,
        labels=definition.labels,
        observed_until_us=store.observed_until_us,
        progress=lambda done: progress("features and labels", done, store.partitions),
    )
    return Built(
        training_set=training_set,
        plan=plan,
        definition=definition,
        path=path,
        vocabulary=store.vocabulary,
        data_digest=store.digest,
        observed_until_us=store.observed_until_us,
        facts=store.summary.to_dict(),
    )


def first_activity_us(store: EventStore, activity: tuple[str, ...]) -> int:
    """Return the time of the first activity event: the log's start for snapshots."""
    firsts = (EventsOf.select(log, activity).timestamp_us for log in store.logs())
    least = min((int(times.min()) for times in firsts if len(times)), default=None)
    if least is None:
        raise NoTrainingRowsError.from_activity(activity)
    return least


def leakage_certificate(
    project: Project, built: Built, *, progress: Progress = quiet
) -> Certificate:
    """Perturb a sample of customers past the cutoffs and run the whole path again.

    Raises
    ------
    LeakageError
        If anything at or before a cutoff moved.
    """
    store = EventStore.open(project.store_folder)
    customers = _sample(built, project.config.data.certificate_customers)
    events = store.table(customers).to_pandas()
    events["ingested_at"] = events["ingested_at"].fillna(events["timestamp"])
    own = project.config.customers
    rules = {"duplicates": own.duplicates, "earliest_time": own.earliest_time}
    spec = store.source_spec("sample").model_copy(update=rules)
    definition, cutoffs = built.definition, built.plan.cutoffs_us
    now = pd.Timestamp.max.tz_localize("UTC")

    def build(frame: pd.DataFrame) -> Evidence:
        with tempfile.TemporaryDirectory(prefix="nexttouch-certificate-") as folder:
            into_store(
                spec,
                project=Path(folder),
                store=Path(folder) / "events",
                tables={"sample": frame},
                now=now,
            )
            sample = EventStore.open(Path(folder) / "events")
            path = definition.path(sample.vocabulary)
            tables = [path.table(log, cutoffs) for log in sample.logs()]
        return Evidence(
            customer_id=np.concatenate([t.customer_id for t in tables]),
            cutoff_us=np.concatenate([t.cutoff_us for t in tables]),
            columns=path.names,
            X=np.concatenate([t.X for t in tables]),
            eligible=np.concatenate([t.eligible for t in tables]),
            constants=b"".join(path.features.to_files().values()),
        )

    return certify(
        build,
        events,
        cutoffs,
        progress=lambda done, total: progress("leakage certificate", done, total),
    )


def _sample(built: Built, how_many: int) -> list[str]:
    """Draw customers by hash, so that neither order nor size of the log matters."""
    ids = sorted(
        set(built.training_set.customer_id), key=lambda c: hashlib.blake2b(c.encode()).digest()
    )
    return ids[:how_many]
