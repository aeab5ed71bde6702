"""Figures and self-contained pages from tables: no clock, no network, same bytes for same input."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nexttouch.plots.backtest_figures import feature_group_figure, metrics_by_date_figure
    from nexttouch.plots.card import model_card
    from nexttouch.plots.csv_file import worklist_csv
    from nexttouch.plots.journey_figures import stage_share_figure, transition_matrix_figure
    from nexttouch.plots.quality_figures import calibration_figure, calibration_gap, lift_figure
    from nexttouch.plots.report import run_report_page
    from nexttouch.plots.style import to_png, to_svg
    from nexttouch.plots.tier_figures import capacity_curve_figure, tier_figure
    from nexttouch.plots.worklist import worklist_page

__all__ = [
    "calibration_figure",
    "calibration_gap",
    "capacity_curve_figure",
    "feature_group_figure",
    "lift_figure",
    "metrics_by_date_figure",
    "model_card",
    "run_report_page",
    "stage_share_figure",
    "tier_figure",
    "to_png",
    "to_svg",
    "transition_matrix_figure",
    "worklist_csv",
    "worklist_page",
]

_HOMES = {
    "calibration_figure": "quality_figures",
    "calibration_gap": "quality_figures",
    "capacity_curve_figure": "tier_figures",
    "feature_group_figure": "backtest_figures",
    "lift_figure": "quality_figures",
    "metrics_by_date_figure": "backtest_figures",
    "model_card": "card",
    "run_report_page": "report",
    "stage_share_figure": "journey_figures",
    "tier_figure": "tier_figures",
    "to_png": "style",
    "to_svg": "style",
    "transition_matrix_figure": "journey_figures",
    "worklist_csv": "csv_file",
    "worklist_page": "worklist",
}


def __getattr__(name: str) -> Any:
    """Import the module that holds a public name when it is first asked for."""
    if name not in _HOMES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
