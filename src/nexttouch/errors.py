"""Every error raised on purpose, with a stable code.

Say what happened, then what to do. Build messages in classmethods and leave ``__init__`` alone:
errors must survive pickling to a worker process.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, ClassVar, Self

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "ConfigError",
    "DataCheckError",
    "GateRefusedError",
    "IllegalStageError",
    "LeakageError",
    "NextTouchError",
    "NoTrainingRowsError",
    "nearest",
]


class NextTouchError(Exception):
    """Root of all errors raised on purpose; ``code`` is stable across versions."""

    code: ClassVar[str] = "NT000"
    exit_code: ClassVar[int] = 1

    def __str__(self) -> str:
        """Show the code first, so that logs and support threads can be searched."""
        return f"[{self.code}] {super().__str__()}"


class DataCheckError(NextTouchError, ValueError):
    """The data break their contract; the command line exits with 3."""

    code = "NT200"
    exit_code = 3


class GateRefusedError(NextTouchError):
    """A candidate model was not good enough to be promoted; the command line exits with 4."""

    code = "NT650"
    exit_code = 4


class ConfigError(NextTouchError, ValueError):
    """``nexttouch.yaml`` cannot be used as written; the command line exits with 2."""

    code = "NT100"
    exit_code = 2

    @classmethod
    def unknown_key(cls, path: str, key: str, known: Iterable[str]) -> Self:
        """Name the key's path and the nearest valid name."""
        names = sorted(known)
        guess = nearest(key, names)
        hint = f"Did you mean '{guess}'?" if guess else f"Valid names here: {', '.join(names)}."
        where = f"{path}.{key}" if path else key
        return cls(f"Unknown key '{where}'. {hint}")


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known name closest to ``word``, or None when none is close.

    Examples
    --------
    >>> nearest("horizn_days", ["horizon_days", "gap_days"])
    'horizon_days'
    """
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return close[0] if close else None


class NoTrainingRowsError(DataCheckError):
    """No snapshot could be used for training."""

    code = "NT301"

    @classmethod
    def from_activity(cls, activity: tuple[str, ...]) -> Self:
        """Name the activity events that were looked for."""
        return cls(
            f"No customer has an activity event ({', '.join(activity)}) before any training cutoff, "
            "so there is nothing to learn from. Check goals.churn.activity against the event names "
            "of the log, and data.snapshots.eligible."
        )


class IllegalStageError(NextTouchError, RuntimeError):
    """An observed next stage lies outside the set that the journey's rules allow."""

    code = "NT302"

    @classmethod
    def from_row(cls, customer: str, cutoff: object, stage: str, found: str, rows: int) -> Self:
        """Name the first customer and cutoff, and how many rows are concerned."""
        return cls(
            f"Customer {customer!r} was in stage '{stage}' at {cutoff} and in '{found}' at the end "
            f"of the horizon, which the journey's rules do not allow ({rows} rows in all). The rules "
            "and the log contradict each other; training stops rather than learn from it."
        )


class LeakageError(NextTouchError, RuntimeError):
    """A feature, row or constant as of a cutoff changed with what happened after it."""

    code = "NT303"

    @classmethod
    def from_findings(cls, findings: list[str]) -> Self:
        """List what moved under which perturbation."""
        return cls(
            "The leakage certificate failed: " + "; ".join(findings[:5])
            + ". Remove what looks past the cutoff; nothing was trained."
        )
