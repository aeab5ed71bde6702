"""The prediction service: requests in, answers of the champion bundle out (BentoML)."""

from __future__ import annotations

from typing import Any

__all__ = ["start"]


def __getattr__(name: str) -> Any:
    """Load the room's names when they are first used: they pull in heavy libraries."""
    if name == "start":
        from nexttouch.serving.starting import start  # noqa: PLC0415

        return start
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
