"""The run report: everything one run found, as facts and as a page for data scientists."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from nexttouch import plots
from nexttouch.engine.files import replace_file
from nexttouch.pipeline.evaluation import feature_groups
from nexttouch.pipeline.reading import read_facts
from nexttouch.pipeline.training import transitions

if TYPE_CHECKING:
    from pathlib import Path

    from nexttouch.events import IngestReport
    from nexttouch.pipeline.deciding import DecisionReport
    from nexttouch.pipeline.evaluation import Evaluation
    from nexttouch.pipeline.project import Project
    from nexttouch.pipeline.scoring import Scores
    from nexttouch.pipeline.training import TrainingReport
    from nexttouch.pipeline.training_data import Built

__all__ = ["RunReport"]


@dataclass(frozen=True, eq=False)
class RunReport:
    """Everything one run found."""

    project: Project
    ingest: IngestReport
    training: TrainingReport
    scores: Scores
    decisions: DecisionReport

    def to_dict(self) -> dict[str, Any]:
        """Return the facts as one JSON document."""
        return {
            "project": self.project.name,
            "ingest": read_facts(self.project, self.ingest),
            "training": self.training.to_dict(),
            "scores": self.scores.to_dict(),
            "decisions": self.decisions.to_dict(),
        }

    def write_page(self) -> Path:
        """Write ``report.html`` into the worklist folder."""
        file = self.project.worklist_folder / "report.html"
        replace_file(file, _page(self).encode())
        return file


def _page(report: RunReport) -> str:
    training = report.training
    built, evaluation = training.built, training.evaluation
    facts = report.to_dict()
    champion = evaluation.churn_choice.model
    parts: dict[str, Any] = {
        "read": {
            k: facts["ingest"][k] for k in ("events", "customers", "first", "last", "span_days")
        },
        "quarantine": _quarantine(facts["ingest"]["quarantined"]),
        "stages": pd.DataFrame(facts["training"]["journey"]["stages"]),
        "people_by_stage": _people(built),
        "transitions": transitions(built),
        "backtest": _means(evaluation),
        "backtest_by_date": pd.concat(
            [
                evaluation.churn.metrics.assign(task="churn"),
                evaluation.stage.metrics.assign(task="stage"),
            ]
        ),
        "champion": {"churn": champion, "stage": evaluation.stage_choice.model},
        "champion_why": f"{evaluation.churn_choice.why} {evaluation.stage_choice.why}",
        "calibration": {champion: evaluation.calibration()},
        "lift": {champion: evaluation.lift()},
        "base_rate": float(evaluation.churn.rows.churned.mean()),
        "feature_groups": feature_groups(training.predictor.scorer, built),
        "certificate": [
            f"{c.perturbation}, at {c.cutoff[:10]}: {c.moved_before} of {c.rows_before:,} rows "
            f"before it moved, {c.moved_after} of {c.rows_after:,} after it"
            for c in training.certificate.checks
        ],
        "tiers": pd.DataFrame(report.decisions.decisions.summary["tiers"]),
        "where_next": [f"{line['what']}: {line['where']}" for line in facts["decisions"]["next"]],
        "currency": report.decisions.decisions.currency,
        "horizon_days": built.definition.labels.horizon_days,
    }
    return plots.run_report_page(
        parts,
        title=f"{report.project.name}: run of {report.scores.run.created_at.date()}",
        trust={
            "model": training.project,
            "model_version": training.version,
            "data_up_to": report.scores.run.as_of,
        },
    )


def _quarantine(reasons: dict[str, int]) -> pd.DataFrame | str:
    if not reasons:
        return "no row had to be put aside"
    return pd.DataFrame(list(reasons.items()), columns=["reason", "rows"])


def _people(built: Built) -> pd.DataFrame:
    rows = built.training_set
    times = pd.to_datetime(rows.cutoff_us, unit="us", utc=True)
    counts = pd.crosstab(times, rows.stage)
    return counts.rename(columns=dict(enumerate(rows.stages)))


def _means(evaluation: Evaluation) -> pd.DataFrame:
    tables = [
        result.means().reset_index().assign(task=result.task).sort_values("log_loss")
        for result in (evaluation.churn, evaluation.stage)
    ]
    columns = [
        "task",
        "model",
        "test_dates",
        "log_loss",
        "auc",
        "ece",
        "macro_f1",
        "log_loss_movers",
        "cpu_s",
    ]
    table: pd.DataFrame = pd.concat(tables)[columns]
    return table
