"""What was read, in the words of a report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from nexttouch.engine import EventStore
from nexttouch.pipeline.project_check import unseen_names

if TYPE_CHECKING:
    from nexttouch.events import IngestReport
    from nexttouch.pipeline.project import Project

__all__ = ["read_facts"]


def read_facts(project: Project, report: IngestReport) -> dict[str, Any]:
    """Return an ingest report as plain JSON, with its span in days and notes in words."""
    facts = report.to_dict()
    notes = []
    if report.repeats:
        kept = "kept" if project.config.customers.duplicates == "keep" else "dropped"
        notes.append(
            f"{report.repeats:,} rows repeat another exactly and have no event id: {kept}."
        )
    if report.redelivered:
        notes.append(
            f"{report.redelivered:,} rows came twice with the same event id: counted once."
        )
    if report.corrections:
        notes.append(
            f"{report.corrections:,} rows have an event id that came before with other content: "
            "the first arrival counts."
        )
    store = EventStore.open(project.store_folder)
    kept_aside = store.manifest.quarantine
    notes += [
        f"{source['name']} is a copy of {source['same_as']}: read once."
        for source in facts["sources"]
        if source.get("same_as")
    ]
    notes += unseen_names(project.config, store.vocabulary)
    first, last = pd.Timestamp(facts["first"]), pd.Timestamp(facts["last"])
    return facts | {
        "span_days": (last - first).days + 1,
        "notes": notes,
        "quarantine_files": [str(project.store_folder / file.path) for file in kept_aside],
    }
