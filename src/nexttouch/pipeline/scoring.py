"""Score: every customer of the event store as of a date, by the champion."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from nexttouch.bundle import verify_in_child
from nexttouch.engine import EventStore
from nexttouch.errors import DataCheckError, NextTouchError
from nexttouch.events.windows import EventsOf
from nexttouch.pipeline.predictor import Predictor
from nexttouch.pipeline.project import Project
from nexttouch.progress import Progress, quiet
from nexttouch.snapshots import DAY_US
from nexttouch.store import ScoreRun, ScoreStore
from nexttouch.tracking import Tracker

if TYPE_CHECKING:
    from pathlib import Path

    from nexttouch.config import Config
    from nexttouch.events import EventLog
    from nexttouch.pipeline.predictor import Predictions

__all__ = ["Scores", "champion", "score"]


@dataclass(frozen=True, eq=False)
class Scores:
    """Scores of all eligible customers as of a moment.

    Attributes
    ----------
    frame : DataFrame
        One row per eligible customer: stage, churn risk, next stages, margin, contacts.
    not_eligible : int
        Customers known by then without a recent activity event.
    """

    run: ScoreRun
    frame: pd.DataFrame
    not_eligible: int
    eligible_days: int | str

    def to_dict(self) -> dict[str, Any]:
        """Return the facts as plain JSON."""
        return {
            "run": self.run.id,
            "as_of": self.run.as_of.isoformat(),
            "model_version": self.run.model_version,
            "scored": len(self.frame),
            "not_eligible": self.not_eligible,
            "eligible_days": self.eligible_days,
            "little_history": int(self.frame["little_history"].sum()),
            "mean_p_churn": float(self.frame["p_churn"].mean()),
        }


def champion(project: Project) -> tuple[Predictor, str]:
    """Load the project's champion, verified in a child process first.

    Returns
    -------
    predictor : Predictor
    version : str

    Raises
    ------
    NextTouchError
        If nothing was trained yet.
    """
    if not (project.bundle_folder / "manifest.json").exists():
        message = (
            f"'{project.name}' has no champion yet. Train one: `nexttouch train {project.folder}`."
        )
        raise NextTouchError(message)
    tracker = Tracker.open(
        project.config.data.tracking_uri, project=project.name, state=project.state
    )
    reigning = tracker.champion()
    return Predictor.of(verify_in_child(reigning.folder)), reigning.version


def score(
    project: str | Path | Config | Project,
    *,
    as_of: str | pd.Timestamp | None = None,
    progress: Progress = quiet,
) -> Scores:
    """Score every eligible customer and keep the scores.

    Parameters
    ----------
    project : path, Config or Project
    as_of : str or Timestamp, optional
        A date means its midnight in the business zone; default is the end of the observed log.

    Raises
    ------
    DataCheckError
        If nobody is eligible as of that moment.
    """
    opened = Project.open(project)
    store = EventStore.open(opened.store_folder)
    moment = _moment(as_of, store)
    predictor, version = champion(opened)
    frames, not_eligible = [], 0
    for done, log in enumerate(store.logs(), start=1):
        predictions = predictor.predict_log(log, int(moment.value // 1000))
        frame = with_contacts(predictions, log, opened)
        frames.append(frame[frame["eligible"]].drop(columns="eligible"))
        not_eligible += int((~frame["eligible"]).sum())
        progress("scoring", done, store.partitions)
    progress("scoring", store.partitions, store.partitions)
    scores = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()
    if scores.empty:
        day = moment.tz_convert(store.time_zone).date()
        message = (
            f"Nobody is eligible as of {day}: no customer has an activity event in the "
            "days before. Choose an --as-of inside the log, or widen data.snapshots.eligible."
        )
        raise DataCheckError(message)
    run = ScoreRun(
        id=_run_id(predictor.digest, store.digest, moment),
        as_of=moment,
        model_version=version,
        bundle_digest=predictor.digest,
        data_digest=store.digest,
        created_at=pd.Timestamp.now(tz="UTC"),
    )
    database = ScoreStore.open(opened.database_url)
    try:
        database.write_scores(run, scores)
    finally:
        database.close()
    eligible = predictor.definition.eligible.active_within_days
    return Scores(run, scores, not_eligible, eligible)


def with_contacts(predictions: Predictions, log: EventLog, project: Project) -> pd.DataFrame:
    """Add what contact rules need: touches per trailing window, hours since the last, consent.

    The later of opt-in and opt-out counts; at one instant the opt-out does.
    """
    frame, table = predictions.frame(), predictions.table
    touches = EventsOf.select(log, project.config.data.features.touches)
    upto = touches.before(table.customer, table.cutoff_us)
    for window in project.config.touchpoints.contact_limits.windows:
        begin = touches.before(table.customer, table.cutoff_us - window.days * DAY_US)
        frame[f"contacts_{window.days}d"] = upto - begin
    last = touches.last_before(table.customer, table.cutoff_us)
    hours = (table.cutoff_us - last) / (DAY_US / 24)
    frame["hours_since_touch"] = np.where(last < 0, np.nan, hours)
    for channel in project.config.touchpoints.channels:
        rule = project.config.touchpoints.consent_of(channel)
        if rule.opt_in_events or rule.opt_out_events:
            granted = EventsOf.select(log, rule.opt_in_events)
            withdrawn = EventsOf.select(log, rule.opt_out_events)
            yes = granted.last_before(table.customer, table.cutoff_us)
            no = withdrawn.last_before(table.customer, table.cutoff_us)
            known = np.where((yes < 0) & (no < 0), rule.default == "granted", yes > no)
            frame[project.config.touchpoints.consent_column(channel)] = known
    return frame


def _moment(as_of: str | pd.Timestamp | None, store: EventStore) -> pd.Timestamp:
    if as_of is None:
        return pd.Timestamp(store.observed_until_us, unit="us", tz="UTC")
    try:
        moment = pd.Timestamp(as_of)
    except ValueError:
        message = f"'{as_of}' is not a date or time. Write it as 2025-03-01 or 2025-03-01T12:00."
        raise DataCheckError(message) from None
    if moment.tzinfo is None:
        moment = moment.tz_localize(store.time_zone)
    return moment.tz_convert("UTC").as_unit("us")


def _run_id(bundle: str, data: str, moment: pd.Timestamp) -> str:
    """Name a run by what went in and when it was made: runs are only ever added."""
    text = f"{bundle} {data} {moment.isoformat()} {pd.Timestamp.now(tz='UTC').isoformat()}"
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
