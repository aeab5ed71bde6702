"""Train: certificate, backtest, champion, bundle, MLflow, gate."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from nexttouch.bundle import open_bundle, verify_in_child
from nexttouch.bundle.swap import move_into_place, remove_leftovers, temporary_beside
from nexttouch.jit import kernel_path
from nexttouch.journey import stage_table, transition_matrix
from nexttouch.models import GateLine, Scorer, gate
from nexttouch.pipeline.evaluation import Evaluation, evaluate
from nexttouch.pipeline.predictor import Predictor
from nexttouch.pipeline.project import Project
from nexttouch.pipeline.run_record import record
from nexttouch.pipeline.training_data import Built, build_training_set, leakage_certificate
from nexttouch.progress import Progress, quiet
from nexttouch.tracking import Champion, Tracker

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from nexttouch.config import Config
    from nexttouch.training.certificate import Certificate

__all__ = ["TrainingReport", "train"]

PROBE_ROWS = 64


@dataclass(frozen=True, eq=False)
class TrainingReport:
    """What one training run found, and what became of its candidate."""

    project: str
    built: Built
    evaluation: Evaluation
    certificate: Certificate
    gate_lines: tuple[GateLine, ...]
    promoted: bool
    gate_sentence: str
    version: str
    run_id: str
    predictor: Predictor

    def to_dict(self) -> dict[str, Any]:
        """Return the facts as plain JSON."""
        return {
            "journey": self._journey(),
            "backtest": self.evaluation.summary(),
            "certificate": self.certificate.to_dict(),
            "gate": {
                "promoted": self.promoted,
                "sentence": self.gate_sentence,
                "lines": [
                    {"name": g.name, "passed": g.passed, "text": g.words} for g in self.gate_lines
                ],
            },
            "model": {"name": self.project, "version": self.version, "run_id": self.run_id},
            "reconciled": self.evaluation.stage_choice.joint,
        }

    def _journey(self) -> dict[str, Any]:
        rows = self.built.training_set
        spec = self.built.definition.journey
        last = rows.at([int(rows.cutoff_us.max())])
        people = stage_table(last.stage, rows.stages, spec.aspects)
        people = people[people["customers"] > 0]
        counts = transitions(self.built)
        shares = counts.div(counts.sum(axis=1), axis=0)
        return {
            "name": spec.preset or "own",
            "as_of": str(pd.Timestamp(int(rows.cutoff_us.max()), unit="us", tz="UTC").isoformat()),
            "horizon_days": rows.horizon_days,
            "stages": [{"stage": s, **facts} for s, facts in people.to_dict("index").items()],
            "transitions": {
                "to": list(counts.columns),
                "rows": [
                    {
                        "from": s,
                        "count": int(counts.loc[s].sum()),
                        "shares": [float(x) for x in shares.loc[s]],
                    }
                    for s in counts.index
                ],
            },
        }


def transitions(built: Built) -> pd.DataFrame:
    """Count labelled snapshots by present and next stage; stages nobody was in are left out."""
    rows = built.training_set
    counts = transition_matrix(rows.stage, rows.next_stage, rows.stages)
    return counts.loc[counts.sum(axis=1) > 0, counts.sum(axis=0) > 0]


def train(project: str | Path | Config | Project, *, progress: Progress = quiet) -> TrainingReport:
    """Train a candidate, record it in MLflow, and make it champion if the gate lets it pass.

    Raises
    ------
    LeakageError
        If the certificate fails; nothing is trained.
    DataCheckError
        If there is nothing to learn from.
    """
    opened = Project.open(project)
    threads = opened.config.data.threads
    built = build_training_set(opened, progress=progress)
    certificate = leakage_certificate(opened, built, progress=progress)
    evaluation = evaluate(built, threads=threads, progress=progress)
    predictor = _fit(built, evaluation, certificate)
    tracker = Tracker.open(
        opened.config.data.tracking_uri, project=opened.name, state=opened.state, progress=progress
    )
    reigning = tracker.find_champion()
    about = None if reigning is None else open_bundle(reigning.folder).info
    lines = _gate(evaluation, predictor, about)
    promoted = reigning is None or all(line.passed for line in lines)
    remove_leftovers(opened.state / "candidate")  # of trainings that were killed
    place = temporary_beside(opened.state / "candidate")
    try:
        candidate = predictor.write(place / "bundle", _probe_rows(built))
        verify_in_child(candidate)
        progress("recording in MLflow", 0, 1)
        version, run_id = record(
            tracker,
            candidate,
            built=built,
            evaluation=evaluation,
            certificate=certificate,
            predictor=predictor,
            transitions=transitions(built),
            gate_lines=lines,
        )
    finally:
        shutil.rmtree(place, ignore_errors=True)
    if promoted:
        tracker.set_champion(version)
        export_champion(opened, tracker.champion())
    progress("recording in MLflow", 1, 1)
    return TrainingReport(
        project=opened.name,
        built=built,
        evaluation=evaluation,
        certificate=certificate,
        gate_lines=lines,
        promoted=promoted,
        gate_sentence=_sentence(version, lines, first=reigning is None),
        version=version,
        run_id=run_id,
        predictor=predictor,
    )


def _fit(built: Built, evaluation: Evaluation, certificate: Certificate) -> Predictor:
    """Fit the champions on the newest labelled snapshots, the test dates included."""
    definition = built.definition
    rows = built.training_set.at(built.plan.final_training_us)
    churn, stage = evaluation.churn_choice, evaluation.stage_choice
    scorer = Scorer.fit(
        rows,
        churn=evaluation.candidates["churn"][churn.candidate],
        stage=evaluation.candidates["stage"][stage.candidate],
        reason_groups=built.path.features.reason_groups,
        value_days=definition.goals.value_days,
        reconciled=stage.joint,
        activity=definition.labels.activity[0]
        if len(definition.labels.activity) == 1
        else "activity",
        names={"churn": churn.model, "stage": stage.model},
    )
    return Predictor(
        definition=definition,
        features=built.path.features,
        vocabulary=built.vocabulary,
        scorer=scorer,
        info={
            "project": definition.name,
            "models": scorer.names,
            "recipe": definition.recipe,
            "stages": list(scorer.stages),
            "events": list(definition.labels.activity),
            "measures": [m.name for m in built.vocabulary.measures],
            "time_zone": definition.time_zone,
            "horizon_days": definition.labels.horizon_days,
            "trained_until": pd.Timestamp(built.observed_until_us, unit="us", tz="UTC").isoformat(),
            "data_digest": built.data_digest,
            "certificate_passed": certificate.passed,
            "kernel": kernel_path(),
            "entry_points": {
                "predictor": "nexttouch.pipeline.predictor:Predictor",
                "probe": "nexttouch.pipeline.predictor:probe_bundle",
            },
        },
    )


def _gate(
    evaluation: Evaluation, candidate: Predictor, reigning: Mapping[str, Any] | None
) -> tuple[GateLine, ...]:
    """Hold a candidate against baselines and, on the same features, against another champion.

    The champion's kind of model is backtested on the same rows. The same kind on newer data is a
    refresh: it needs no gain and no absolute calibration, only to beat the baselines. Other
    features or labels cannot be compared row by row.
    """
    comparable = reigning is not None and reigning["recipe"] == candidate.info["recipe"]
    lines = []
    for task, result, choice in (
        ("churn", evaluation.churn, evaluation.churn_choice),
        ("stage", evaluation.stage, evaluation.stage_choice),
    ):
        kind = reigning["models"][task] if reigning is not None and comparable else None
        refresh = kind == choice.model
        former = kind if not refresh and kind in result.models else None
        lines += [
            GateLine(f"{task}: {line.name}", line.passed, f"{task}: {line.words}")
            for line in gate(result, candidate=choice.model, champion=former)
            if not (refresh and line.name == "calibration")
        ]
    return tuple(lines)


def _probe_rows(built: Built) -> np.ndarray[Any, Any]:
    """Take rows shuffled within each column: they look like customers and are nobody."""
    rng = np.random.default_rng(7)
    X = built.training_set.at(built.plan.final_training_us).X.to_numpy(dtype=np.float32)
    picked = rng.integers(0, len(X), size=(PROBE_ROWS, X.shape[1]))
    rows = X[picked, np.arange(X.shape[1])]
    whole = [list(built.path.names).index(n) for n in ("journey_stage", "journey_silent_stage")]
    rows[:, whole] = X[picked[:, 0]][:, whole]  # a stage and its successor belong together
    return rows


def export_champion(project: Project, reigning: Champion) -> None:
    """Copy the verified champion to where ``bentofile.yaml`` packs it, in one step."""
    target = project.bundle_folder
    if (target / "manifest.json").exists() and open_bundle(target).digest == reigning.digest:
        return
    beside = temporary_beside(target)
    try:
        shutil.copytree(reigning.folder, beside, dirs_exist_ok=True)
        move_into_place(beside, target)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _sentence(version: str, lines: tuple[GateLine, ...], *, first: bool) -> str:
    failed = "; ".join(line.words for line in lines if not line.passed)
    if not failed:
        return f"Version {version} passed every line of the gate and is the champion."
    if first:
        return (
            f"Version {version} is champion because there was none before. As a challenger the "
            f"gate would have stopped it: {failed}."
        )
    return f"Version {version} was not promoted: {failed}. The champion stays as it is."
