"""Run: ingest, train, score, decide, in one go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nexttouch.pipeline.deciding import decide
from nexttouch.pipeline.ingestion import ingest
from nexttouch.pipeline.project import Project
from nexttouch.pipeline.run_report import RunReport
from nexttouch.pipeline.scoring import score
from nexttouch.pipeline.training import train
from nexttouch.progress import Progress, quiet

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from nexttouch.config import Config

__all__ = ["run"]


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
    report.write_page()
    return report
