"""What a training run leaves in MLflow: figures, tables, lineage, certificate, card, bundle."""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
from importlib.metadata import version as installed
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from nexttouch import plots
from nexttouch.models import paired_interval
from nexttouch.pipeline.evaluation import feature_groups

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from nexttouch.models import GateLine
    from nexttouch.pipeline.evaluation import Evaluation
    from nexttouch.pipeline.predictor import Predictor
    from nexttouch.pipeline.training_data import Built
    from nexttouch.tracking import Tracker
    from nexttouch.training.certificate import Certificate

__all__ = ["record"]

_METRICS = {
    "churn": ("log_loss", "auc", "ece", "brier_skill", "pr_auc_rarer", "lift_top_decile"),
    "stage": ("log_loss", "macro_log_loss", "macro_f1", "log_loss_movers", "ece"),
}


def record(
    tracker: Tracker,
    candidate: Path,
    *,
    built: Built,
    evaluation: Evaluation,
    certificate: Certificate,
    predictor: Predictor,
    transitions: pd.DataFrame,
    gate_lines: Sequence[GateLine],
) -> tuple[str, str]:
    """Record a run and register its bundle last; nothing in it names a customer.

    Returns
    -------
    version, run_id : str
    """
    definition = built.definition
    importance = feature_groups(predictor.scorer, built)
    with tracker.start_run(
        "train", tags=_tags(built, predictor), params=definition.model_dump(mode="json")
    ) as run:
        run.log_dataset("events", digest=built.data_digest, facts=_data_facts(built))
        run.log_test_dates(_by_date(evaluation))
        run.log_metrics(_means(evaluation))
        figures = {
            "calibration": plots.calibration_figure(
                {evaluation.churn_choice.model: evaluation.calibration()}
            ),
            "lift": plots.lift_figure({evaluation.churn_choice.model: evaluation.lift()}),
            "transition_matrix": plots.transition_matrix_figure(
                transitions, horizon_days=definition.labels.horizon_days
            ),
            "feature_groups": plots.feature_group_figure(importance),
            "churn_log_loss_by_date": plots.metrics_by_date_figure(
                evaluation.churn.metrics, champion=evaluation.churn_choice.model
            ),
            "stage_log_loss_by_date": plots.metrics_by_date_figure(
                evaluation.stage.metrics, champion=evaluation.stage_choice.model
            ),
        }
        images: dict[str, bytes | str] = {
            f"{name}.svg": plots.to_svg(f) for name, f in figures.items()
        }
        images |= {f"{name}.png": plots.to_png(f) for name, f in figures.items()}
        run.log_files(images, folder="plots")
        documents = {
            "certificate.json": certificate.to_dict(),
            "backtest.json": evaluation.summary(),
            "gate.json": [
                {"name": g.name, "passed": g.passed, "text": g.words} for g in gate_lines
            ],
        }
        texts: dict[str, bytes | str] = {
            name: json.dumps(d, indent=1, allow_nan=False) for name, d in documents.items()
        }
        run.log_files(texts)
        version = run.log_bundle(candidate)
        card = model_card(built, evaluation, certificate, importance, version)
        run.log_files({"MODEL_CARD.md": card})
    return version, run.run_id


def model_card(
    built: Built,
    evaluation: Evaluation,
    certificate: Certificate,
    importance: pd.DataFrame,
    version: str,
) -> str:
    """Write the card of a version: what it is for, how good it is, where it ends."""
    definition, rows = built.definition, built.training_set
    activity = ", ".join(definition.labels.activity)
    horizon = definition.labels.horizon_days
    dates = [_day(fold.test_us) for fold in built.plan.folds]
    shares = importance["importance"] / importance["importance"].sum()
    return plots.model_card(
        {
            "name": definition.name,
            "version": version,
            "trained_at": _day(built.observed_until_us),
            "summary": f"Churn risk and next journey stage {horizon} days ahead.",
            "intended_use": [
                (
                    f"Predicts the chance of no activity event ({activity}) within {horizon} days, "
                    f"and the stage of the journey '{definition.journey.preset or 'own'}' then."
                ),
                "Meant to choose and explain touches, not for refusing service, credit or prices.",
            ],
            "data": {
                **_data_facts(built),
                "training_cutoffs": ", ".join(_day(c) for c in built.plan.final_training_us),
                "test_dates": ", ".join(dates),
                "snapshots": len(rows),
                "leakage_certificate": "passed" if certificate.passed else "failed",
            },
            "metrics": _metric_table(evaluation),
            "calibration": {
                "mean_predicted_churn": float(
                    np.mean(evaluation.churn.predictions[evaluation.churn_choice.model])
                ),
                "observed_churn": float(np.mean(evaluation.churn.rows.churned)),
                "expected_calibration_error": plots.calibration_gap(evaluation.calibration()),
            },
            "features": {
                group: f"{share:.0%} of what moves the churn score"
                for group, share in zip(importance["group"], shares, strict=True)
            },
            "limits": [
                "Customers with fewer than two active days are flagged: little is known of them.",
                "A change of season, assortment or tracking after the test dates is not foreseen.",
                "Silence is read as churn: who buys elsewhere and who needs nothing look the same.",
            ],
            "ethics": [
                "No protected attribute is a feature. Audit by group who gets a human touch.",
                "A prediction is no fact about a person; reasons are shown with every score.",
            ],
            "how_to_load": f'mlflow.pyfunc.load_model("models:/{definition.name}@champion")',
            "contact": "The owner of this project's nexttouch.yaml.",
            "licence": "Apache-2.0 (code); the model belongs to the owner of the data.",
        }
    )


def _metric_table(evaluation: Evaluation) -> pd.DataFrame:
    table = []
    for result, choice in (
        (evaluation.churn, evaluation.churn_choice),
        (evaluation.stage, evaluation.stage_choice),
    ):
        means = result.means()
        for model in means.sort_values("log_loss").index:
            loss = paired_interval(result.losses(model), result.rows.customer_id)
            table.append(
                {
                    "task": result.task,
                    "model": f"{model} (champion)" if model == choice.model else model,
                    "log_loss": means.loc[model, "log_loss"],
                    "low": loss.low,
                    "high": loss.high,
                    "auc": means.loc[model].get("auc", np.nan),
                    "ece": means.loc[model, "ece"],
                }
            )
    return pd.DataFrame(table)


def _tags(built: Built, predictor: Predictor) -> dict[str, str]:
    tags = {
        "recipe": built.definition.recipe,
        "data_digest": built.data_digest,
        "champion_churn": predictor.scorer.names["churn"],
        "champion_stage": predictor.scorer.names["stage"],
        "python": platform.python_version(),
        **{
            f"version_{name}": installed(name)
            for name in ("nexttouch", "lightgbm", "numpy", "numba")
        },
    }
    revision = _git_revision()
    return tags | ({"git_revision": revision} if revision else {})


def _git_revision() -> str:
    git = shutil.which("git")
    if git is None:
        return ""
    asked = subprocess.run(  # noqa: S603  a fixed command
        [git, "rev-parse", "HEAD"], capture_output=True, text=True, timeout=5, check=False
    )
    return asked.stdout.strip() if asked.returncode == 0 else ""


def _data_facts(built: Built) -> dict[str, Any]:
    facts = built.facts
    return {k: facts[k] for k in ("events", "customers", "first", "last")}


def _by_date(evaluation: Evaluation) -> dict[str, dict[str, float | None]]:
    dates: dict[str, dict[str, float | None]] = {}
    for result, choice in (
        (evaluation.churn, evaluation.churn_choice),
        (evaluation.stage, evaluation.stage_choice),
    ):
        for row in result.metrics[result.metrics["model"] == choice.model].to_dict("records"):
            named = {f"{result.task}_{m}": float(row[m]) for m in _METRICS[result.task]}
            dates.setdefault(str(row["test_date"]), {}).update(named)
    return dates


def _means(evaluation: Evaluation) -> dict[str, float | None]:
    """Name mean metrics of every model, so that MLflow can compare baselines across runs."""
    return {
        f"{result.task}_{model}_{metric}": float(row[metric])
        for result in (evaluation.churn, evaluation.stage)
        for model, row in result.means().iterrows()
        for metric in _METRICS[result.task]
    }


def _day(moment_us: int) -> str:
    return str(pd.Timestamp(moment_us, unit="us").date())
