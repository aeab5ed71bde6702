"""Training: snapshot tables, the training set, segments and the leakage certificate."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nexttouch.training.certificate import Certificate, Evidence, certify
    from nexttouch.training.segments import SegmentSpec, segments_of
    from nexttouch.training.snapshot_table import FeaturePath, SnapshotTable
    from nexttouch.training.training_set import TrainingSet

__all__ = [
    "Certificate",
    "Evidence",
    "FeaturePath",
    "SegmentSpec",
    "SnapshotTable",
    "TrainingSet",
    "certify",
    "segments_of",
]

_HOMES = {
    "Certificate": "certificate",
    "Evidence": "certificate",
    "FeaturePath": "snapshot_table",
    "SegmentSpec": "segments",
    "SnapshotTable": "snapshot_table",
    "TrainingSet": "training_set",
    "certify": "certificate",
    "segments_of": "segments",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for: kernels are not needed to read a spec."""
    if name not in _HOMES:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
