"""Decide: a touch tier for every scored customer, and the worklist to read."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from nexttouch import plots
from nexttouch.decisions import capacity_curve
from nexttouch.decisions import decide as choose_tiers
from nexttouch.engine import EventStore
from nexttouch.engine.files import replace_file
from nexttouch.errors import DataCheckError
from nexttouch.pipeline.predictor import Predictor
from nexttouch.pipeline.project import Project
from nexttouch.progress import Progress, quiet
from nexttouch.store import ScoreRun, ScoreStore

if TYPE_CHECKING:
    from nexttouch.config import Config
    from nexttouch.decisions import Decisions

__all__ = ["DecisionReport", "decide"]

EXPLAINED = 1_000
AT_RISK = 0.5
KEY_BYTES = 32


@dataclass(frozen=True, eq=False)
class DecisionReport:
    """Tiers of one score run, the ranked worklist, and the files it was written to."""

    project: Project
    run: ScoreRun
    decisions: Decisions
    worklist: pd.DataFrame

    def to_dict(self) -> dict[str, Any]:
        """Return the facts as plain JSON."""
        summary, currency = self.decisions.summary, self.decisions.currency
        price = {r["resource"]: r["price"] for r in summary["limits"]}
        effects = set(summary["effects"].values())
        folder, uri, own = (
            self.project.worklist_folder,
            self.project.tracking_uri,
            _tool("nexttouch"),
        )
        return {
            "as_of": self.run.as_of.isoformat(),
            "currency": currency,
            "effect_level": "assumed" if "assumed" in effects else "",
            "expected_value": summary["expected_value"],
            "gap": summary["gap"],
            "holdout": summary["holdout"]["customers"],
            "tiers": [
                {**tier, "price": price.get(f"capacity of {tier['tier']}")}
                for tier in summary["tiers"]
            ],
            "limits": summary["limits"],
            "baseline_rank_by_churn_risk": summary["baseline_rank_by_churn_risk"],
            "notes": summary["notes"],
            "worklist": [_brief(row) for row in self.worklist.head(10).to_dict("records")],
            "next": [
                {"what": "worklist", "where": str(folder / "index.html")},
                {"what": "as a table", "where": str(folder / "worklist.csv")},
                {"what": "one customer", "where": f"{own} explain CUSTOMER {self.project.folder}"},
                {"what": "service", "where": f"{own} serve {self.project.folder}"},
                {"what": "models", "where": f"{_tool('mlflow')} ui --backend-store-uri {uri}"},
            ],
        }


def decide(project: str | Path | Config | Project, *, progress: Progress = quiet) -> DecisionReport:
    """Choose the tier that is worth most for each customer of the newest scores.

    Writes the decisions to the database, and ``worklist.csv`` and ``index.html`` beside it.

    Raises
    ------
    DataCheckError
        If nobody was scored yet.
    ContradictoryLimitsError
        If capacity, budget and floors cannot hold together; names them.
    """
    opened = Project.open(project)
    database = ScoreStore.open(opened.database_url)
    try:
        run, scores = database.latest_run(), database.latest_scores()
        if run is None:
            message = f"'{opened.name}' has no scores yet. Run `nexttouch score {opened.folder}`."
            raise DataCheckError(message)
        progress("choosing tiers", 0, 1)
        journey = opened.config.journey
        decisions = choose_tiers(
            scores,
            touchpoints=opened.config.touchpoints,
            strategy=opened.config.strategy,
            as_of=run.as_of,
            policy_key=policy_key(opened),
            aspects={
                s: a
                for s, a in zip(journey.stage_names, journey.aspects, strict=True)
                if a != "none"
            },
            currency=opened.config.customers.currency,
        )
        progress("choosing tiers", 1, 1)
        worklist = _worklist(opened, run, scores, decisions, progress)
        plays = worklist.set_index("customer_id")["play"]
        database.write_decisions(
            run.id,
            decisions.table.assign(play=decisions.table["customer_id"].map(plays)),
            created_at=pd.Timestamp.now(tz="UTC"),
            info={
                "price_set_id": decisions.summary["price_set_id"],
                "gap": decisions.summary["gap"],
            },
        )
    finally:
        database.close()
    report = DecisionReport(opened, run, decisions, worklist)
    _write_pages(report)
    return report


def policy_key(project: Project) -> bytes:
    """Return the project's secret; made once, readable by its owner only."""
    file = project.state / "policy.key"
    if not file.exists():
        project.state.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=project.state, prefix=".policy-key-") as beside:
            beside.write(secrets.token_bytes(KEY_BYTES))
            beside.flush()
            os.fsync(beside.fileno())
            with contextlib.suppress(FileExistsError):  # another process was first: its key counts
                os.link(beside.name, file)
    return file.read_bytes()


def _worklist(
    project: Project, run: ScoreRun, scores: pd.DataFrame, decisions: Decisions, progress: Progress
) -> pd.DataFrame:
    """Rank decided customers by what their touch is worth, and say why for those on top."""
    extra = ["customer_id", "next_stage", "p_next_stage", "little_history"]
    table = decisions.table.merge(scores[extra], on="customer_id", validate="one_to_one")
    touched = (table["tier"] != "no_touch").to_numpy()
    order = np.lexsort(
        (
            table["customer_id"],
            -table["p_churn"] * table["margin_if_kept"],
            -table["expected_value"],
            ~touched,
        )
    )
    table = table.iloc[order].reset_index(drop=True)
    table.insert(0, "rank", np.arange(1, len(table) + 1))
    told = _reasons(project, run, set(table["customer_id"].head(EXPLAINED)), progress)
    table["reasons"] = [
        [_arrow(r) + r.words for r in told.get(c, [])] for c in table["customer_id"]
    ]
    group = [told[c][0].group if told.get(c) else None for c in table["customer_id"]]
    tiers = project.config.strategy.tiers
    table["play"] = [tiers[t].play(g) for t, g in zip(table["tier"], group, strict=True)]
    return table


def _reasons(
    project: Project, run: ScoreRun, wanted: set[str], progress: Progress
) -> dict[str, list[Any]]:
    store = EventStore.open(project.store_folder)
    predictor = Predictor.load(project.state / "bundles" / run.bundle_digest)
    told: dict[str, list[Any]] = {}
    for done, log in enumerate(store.logs(), start=1):
        of_interest = np.isin(log.customer_ids, list(wanted))
        if of_interest.any():
            some, _ = log.keep(np.repeat(of_interest, np.diff(log.offsets)))
            predictions = predictor.predict_log(some, int(run.as_of.value // 1000))
            reasons = predictor.reasons(predictions)
            told |= dict(zip(predictions.table.customer_id, reasons, strict=True))
        progress("reasons for the worklist", done, store.partitions)
    progress("reasons for the worklist", store.partitions, store.partitions)
    return told


def _tool(name: str) -> str:
    """Return a command as it can be typed here, whether or not its environment is activated."""
    return name if shutil.which(name) else os.path.relpath(Path(sys.executable).with_name(name))


def _arrow(reason: Any) -> str:
    """Mark whether a reason raises or lowers the churn risk."""
    return "\u2191 " if reason.contribution > 0 else "\u2193 "


def _write_pages(report: DecisionReport) -> None:
    project, decisions, worklist = report.project, report.decisions, report.worklist
    summary = decisions.summary
    tiers = pd.DataFrame(summary["tiers"])
    at_risk = worklist["p_churn"] >= AT_RISK
    binding = [r for r in summary["limits"] if r["binding"] and r["kind"] == "capacity"]
    charts = {"Customers per tier against capacity": plots.to_svg(plots.tier_figure(tiers))}
    for row in binding[:1]:
        curve = capacity_curve(decisions, row["resource"])
        figure = plots.capacity_curve_figure(
            curve, present=row["limit"], currency=decisions.currency
        )
        charts[f"What more or less {row['resource'].replace('_', ' ')} is worth"] = plots.to_svg(
            figure
        )
    hours = [r for r in summary["limits"] if r["unit"] == "hours"]
    page = plots.worklist_page(
        worklist,
        title=f"{project.name}: worklist",
        trust={
            "model": project.name,
            "model_version": report.run.model_version,
            "scored_at": report.run.as_of,
            "data_up_to": report.run.as_of,
            "effect_level": report.to_dict()["effect_level"] or "confirmed",
        },
        summary={
            "customers": len(worklist),
            "at_risk": int(at_risk.sum()),
            "at_risk_above": AT_RISK,
            "value_at_stake": float((worklist["p_churn"] * worklist["margin_if_kept"]).sum()),
            "expected_value": summary["expected_value"],
            "gap": summary["gap"],
            "hours_used": sum(r["used"] for r in hours) if hours else None,
            "hours_available": sum(r["limit"] for r in hours) if hours else None,
            "currency": decisions.currency,
            "horizon_days": project.config.goals.horizon_days,
            "tiers": tiers,
        },
        charts=charts,
    )
    folder = project.worklist_folder
    folder.mkdir(parents=True, exist_ok=True)
    replace_file(folder / "worklist.csv", plots.worklist_csv(worklist))
    replace_file(folder / "index.html", page.encode())


def _brief(row: dict[Any, Any]) -> dict[str, Any]:
    keys = (
        "rank",
        "customer_id",
        "segment",
        "stage",
        "next_stage",
        "p_churn",
        "tier",
        "expected_value",
        "effect_level",
        "reasons",
        "play",
        "why",
    )
    return {key: row[key] for key in keys}
