"""Sources into the event store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from nexttouch.datasets import load
from nexttouch.engine import ingest as into_store
from nexttouch.pipeline.project import Project
from nexttouch.progress import Progress, quiet

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from nexttouch.config import Config
    from nexttouch.events import IngestReport

__all__ = ["ingest"]


def ingest(
    project: str | Path | Config | Project,
    *,
    tables: Mapping[str, Any] | None = None,
    now: pd.Timestamp | None = None,
    progress: Progress = quiet,
) -> IngestReport:
    """Read, check, deduplicate and sort the project's sources into its event store.

    Parameters
    ----------
    project : path, Config or Project
    tables : mapping of name to data frame, optional
        Frames for sources declared as ``table: name``; pandas, Polars, Arrow and DuckDB work.
    now : Timestamp, optional
        Events beyond this moment (plus tolerance) are quarantined; default is the clock.
    progress : callable
        Called with what is being done, done and total.

    Returns
    -------
    IngestReport
        What was read and what was quarantined; ``changed`` is False when nothing was new.

    Raises
    ------
    DataCheckError
        If the sources break their contract; the earlier store stays as it was.
    """
    opened = Project.open(project)
    spec = opened.config.customers
    frames = dict(tables or {})
    for source in spec.sources:
        if source.dataset is not None:
            progress(f"loading {source.dataset}", 0, 1)
            frames[source.dataset] = load(source.dataset)
            progress(f"loading {source.dataset}", 1, 1)
    return into_store(
        spec,
        project=opened.folder,
        store=opened.store_folder,
        tables=frames,
        now=now or pd.Timestamp.now(tz="UTC"),
        progress=progress,
    )
