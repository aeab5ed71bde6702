"""Run: ingest, train, score, decide, in one go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nexttouch.pipeline.deciding import DecisionReport, decide
from nexttouch.pipeline.ingestion import ingest
from nexttouch.pipeline.project import Project
from nexttouch.pipeline.reading import read_facts
from nexttouch.pipeline.report_page import write_report
from nexttouch.pipeline.scoring import Scores, score
from nexttouch.pipeline.training import TrainingReport, train
from nexttouch.progress import Progress, quiet

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from nexttouch.config import Config
    from nexttouch.events import IngestReport

__all__ = ["RunReport", "run"]


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


def run(
    project: str | Path | Config | Project,
    *,
    tables: Mapping[str, Any] | None = None,
    progress: Progress = quiet,
) -> RunReport:
    """Ingest, train, score and decide; a refused candidate leaves the champion to score.

    Parameters
    ----------
    project : path, Config or Project
    tables : mapping of name to data frame, optional
        Frames for sources declared as ``table: name``.

    Raises
    ------
    NextTouchError
        Whatever stops a step; what was complete before stays readable.
    """
    opened = Project.open(project)
    read = ingest(opened, tables=tables, progress=progress)
    training = train(opened, progress=progress)
    scores = score(opened, progress=progress)
    report = RunReport(opened, read, training, scores, decide(opened, progress=progress))
    write_report(report)
    return report
