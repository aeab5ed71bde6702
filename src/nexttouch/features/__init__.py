"""Features as of a cutoff: a spec, its plan, and the one kernel that computes them everywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nexttouch.features.plan import FeaturePlan, compile_features
from nexttouch.features.spec import FeatureSpec, unknown_events

if TYPE_CHECKING:
    from nexttouch.features.compute import compute_features

__all__ = ["FeaturePlan", "FeatureSpec", "compile_features", "compute_features", "unknown_events"]


def __getattr__(name: str) -> Any:
    if name == "compute_features":  # numba is imported at the first use
        from nexttouch.features.compute import compute_features  # noqa: PLC0415

        return compute_features
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
