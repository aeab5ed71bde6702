"""Journeys: stages, the rules between them, and where each customer stands at a moment."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nexttouch.journey.legality import legal_next
    from nexttouch.journey.mapping import MappingReport, check_mapping, unmapped_events
    from nexttouch.journey.moves import Moves, dated_moves, silent_stages, stage_at, stages_at
    from nexttouch.journey.plan import JourneyPlan, compile_journey
    from nexttouch.journey.preset import load_preset, preset_names
    from nexttouch.journey.spec import JourneySpec
    from nexttouch.journey.tables import stage_table, transition_matrix
    from nexttouch.journey.words import describe, journey_graph, mermaid

_HOMES = {
    "JourneyPlan": "plan",
    "JourneySpec": "spec",
    "MappingReport": "mapping",
    "Moves": "moves",
    "check_mapping": "mapping",
    "compile_journey": "plan",
    "dated_moves": "moves",
    "describe": "words",
    "journey_graph": "words",
    "legal_next": "legality",
    "load_preset": "preset",
    "mermaid": "words",
    "preset_names": "preset",
    "silent_stages": "moves",
    "stage_at": "moves",
    "stage_table": "tables",
    "stages_at": "moves",
    "transition_matrix": "tables",
    "unmapped_events": "mapping",
}

__all__ = [
    "JourneyPlan",
    "JourneySpec",
    "MappingReport",
    "Moves",
    "check_mapping",
    "compile_journey",
    "dated_moves",
    "describe",
    "journey_graph",
    "legal_next",
    "load_preset",
    "mermaid",
    "preset_names",
    "silent_stages",
    "stage_at",
    "stage_table",
    "stages_at",
    "transition_matrix",
    "unmapped_events",
]


def __getattr__(name: str) -> Any:
    """Load a public name when it is first asked for; the kernel is not needed to read a spec."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(_HOMES)
