"""Touch tiers: eligibility, values, allocation under shared limits, and the reasons for each.

Everything here is a function of its arguments: no clock, no path, no connection.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from nexttouch.decisions.strategy import (
    CapacitySpec,
    EffectPrior,
    ExperimentsSpec,
    FloorSpec,
    StageValue,
    StrategySpec,
    TeamSpec,
    TierSpec,
)
from nexttouch.decisions.touchpoints import (
    ConsentSpec,
    ContactLimits,
    ContactWindow,
    TouchpointsSpec,
)

if TYPE_CHECKING:
    from nexttouch.decisions.curve import capacity_curve
    from nexttouch.decisions.decision import Decisions, decide
    from nexttouch.decisions.explain import explain_decision

__all__ = [
    "CapacitySpec",
    "ConsentSpec",
    "ContactLimits",
    "ContactWindow",
    "Decisions",
    "EffectPrior",
    "ExperimentsSpec",
    "FloorSpec",
    "StageValue",
    "StrategySpec",
    "TeamSpec",
    "TierSpec",
    "TouchpointsSpec",
    "capacity_curve",
    "decide",
    "explain_decision",
]

# Loaded when first asked for: reading a configuration should not load the solver.
_LATER = {
    "capacity_curve": "nexttouch.decisions.curve",
    "Decisions": "nexttouch.decisions.decision",
    "decide": "nexttouch.decisions.decision",
    "explain_decision": "nexttouch.decisions.explain",
}


def __getattr__(name: str) -> Any:
    """Load the functions that need the solver."""
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LATER[name]), name)
