"""Backtests of both heads over rolling-origin test dates, and who becomes champion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from nexttouch.models import backtest as run_backtest
from nexttouch.models import choose_champion, churn_candidates, stage_candidates
from nexttouch.pipeline.training_data import Built, build_training_set
from nexttouch.progress import Progress, quiet

if TYPE_CHECKING:
    from pathlib import Path

    from nexttouch.config import Config
    from nexttouch.models import Backtest, Choice, Scorer
    from nexttouch.pipeline.project import Project

__all__ = ["Evaluation", "backtest", "evaluate"]

BINS = 10


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Out-of-time results of every candidate and baseline, and the champions chosen by them."""

    churn: Backtest
    churn_choice: Choice
    stage: Backtest
    stage_choice: Choice
    candidates: dict[str, dict[str, Any]]

    def summary(self) -> list[dict[str, Any]]:
        """Return one entry per task: mean metrics per model, champion and why."""
        return [
            _task(
                "churn",
                "churn",
                self.churn,
                self.churn_choice,
                ("log_loss", "auc", "ece", "brier_skill", "lift_top_decile"),
            ),
            _task(
                "stage",
                "next stage",
                self.stage,
                self.stage_choice,
                ("log_loss", "macro_log_loss", "macro_f1", "log_loss_movers", "ece"),
            ),
        ]

    def calibration(self) -> pd.DataFrame:
        """Return predicted and observed churn of the champion over equal-count bins."""
        p = self.churn.predictions[self.churn_choice.model]
        churned = self.churn.rows.churned
        order = np.argsort(p, kind="stable")
        parts = [part for part in np.array_split(order, BINS) if len(part)]
        rows = [(p[part].mean(), churned[part].mean(), len(part)) for part in parts]
        return pd.DataFrame(rows, columns=["predicted", "observed", "n"])

    def lift(self) -> pd.DataFrame:
        """Return how many times the base rate is found among the riskiest shares of customers."""
        p = self.churn.predictions[self.churn_choice.model]
        found = np.cumsum(self.churn.rows.churned[np.argsort(-p, kind="stable")])
        share = np.arange(1, 21) / 20
        upto = np.maximum(1, (share * len(p)).astype(int))
        return pd.DataFrame({"share": share, "lift": found[upto - 1] / upto / (found[-1] / len(p))})


def evaluate(built: Built, *, threads: int = 1, progress: Progress = quiet) -> Evaluation:
    """Backtest every candidate and baseline: churn, then next stage joined with its champion.

    Where other events than the churn definition's activity move the journey, silence says nothing
    about stages, and the two are not joined.
    """
    rows, folds = built.training_set, built.plan.folds
    reach = built.definition.labels.horizon_days + built.definition.labels.gap_days
    candidates = {
        "churn": churn_candidates(reach, num_threads=threads),
        "stage": stage_candidates(
            rows.legal, order_2="journey_previous_stage" in rows.X.columns, num_threads=threads
        ),
    }
    churn = run_backtest(
        rows, folds, candidates["churn"], task="churn", progress=_named("backtest: churn", progress)
    )
    churn_choice = choose_champion(churn)
    stage = run_backtest(
        rows,
        folds,
        candidates["stage"],
        task="stage",
        churn_model=candidates["churn"][churn_choice.candidate]
        if built.definition.reconciled
        else None,
        progress=_named("backtest: next stage", progress),
    )
    return Evaluation(churn, churn_choice, stage, choose_champion(stage), candidates)


def backtest(
    project: str | Path | Config | Project, *, threads: int = 1, progress: Progress = quiet
) -> Evaluation:
    """Compute a project's training set and backtest every model on it; nothing is registered."""
    return evaluate(
        build_training_set(project, progress=progress), threads=threads, progress=progress
    )


def feature_groups(scorer: Scorer, built: Built, *, rows: int = 2000) -> pd.DataFrame:
    """Return the mean absolute contribution of each reason group to the served churn logit."""
    X = built.training_set.at([built.plan.folds[-1].test_us]).X.to_numpy(dtype=np.float32)[:rows]
    explained = scorer.explanation(X)
    named = [term.group or scorer.reason_groups[term.column] for term in explained.terms]
    table = pd.DataFrame({"group": named, "importance": np.abs(explained.values).mean(axis=0)})
    return table.groupby("group", as_index=False).sum().sort_values("importance", ascending=False)


def _named(what: str, progress: Progress) -> Progress:
    def step(_detail: str, done: int, total: int) -> None:
        progress(what, done, total)

    return step


def _task(
    name: str, title: str, result: Backtest, choice: Choice, columns: tuple[str, ...]
) -> dict[str, Any]:
    means = result.means().sort_values("log_loss")
    table = []
    for model, row in means.iterrows():
        gap = choice.against.get(str(model))
        table.append(
            [str(model), *(_finite(row[c]) for c in columns), "" if gap is None else str(gap)]
        )
    return {
        "task": name,
        "title": title,
        "test_dates": int(means["test_dates"].iloc[0]),
        "rows": len(result.rows),
        "columns": ["model", *columns, "log loss minus champion's [95 %]"],
        "table": table,
        "champion": choice.model,
        "why": choice.why,
        "by_date": result.metrics.replace({np.nan: None}).to_dict("records"),
    }


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
