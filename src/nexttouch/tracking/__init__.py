"""MLflow: runs, registered bundles and the aliases ``champion`` and ``previous``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nexttouch.tracking.run import TrackedRun
    from nexttouch.tracking.tracker import Champion, Tracker

__all__ = ["Champion", "TrackedRun", "Tracker"]


def __getattr__(name: str) -> Any:
    """Load the room's names when they are first used: MLflow takes seconds to import."""
    if name == "TrackedRun":
        from nexttouch.tracking.run import TrackedRun  # noqa: PLC0415

        return TrackedRun
    if name in {"Champion", "Tracker"}:
        from nexttouch.tracking import tracker  # noqa: PLC0415

        return getattr(tracker, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
