"""One page of a run for data scientists: what was read, how well it predicts, what was decided."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeGuard

import pandas as pd

from nexttouch.plots.backtest_figures import feature_group_figure, metrics_by_date_figure
from nexttouch.plots.frames import View, tier_view, view_of
from nexttouch.plots.html import check_keys, inline_charts, render
from nexttouch.plots.journey_figures import stage_share_figure, transition_matrix_figure
from nexttouch.plots.quality_figures import calibration_figure, lift_figure
from nexttouch.plots.style import to_svg
from nexttouch.plots.tier_figures import capacity_curve_figure, tier_figure
from nexttouch.plots.words import is_absent, moment, number, phrase

if TYPE_CHECKING:
    from markupsafe import Markup
    from matplotlib.figure import Figure

__all__ = ["run_report_page"]

_PARTS = (
    "read", "quarantine", "stages", "people_by_stage", "transitions", "backtest",
    "backtest_by_date", "champion", "champion_why", "calibration", "lift", "base_rate",
    "feature_groups", "certificate", "tiers", "capacity_curve", "present_capacity", "where_next",
    "currency", "horizon_days",
)  # fmt: skip


@dataclass
class Section:
    """A part of the report: words, tables, figures and the numbers behind them, or why not."""

    title: str
    lines: list[str] = field(default_factory=list)
    charts: list[tuple[str, Markup]] = field(default_factory=list)
    tables: list[View] = field(default_factory=list)
    numbers: list[View] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    left_out: str = ""


def run_report_page(
    parts: Mapping[str, Any], *, title: str, trust: Mapping[str, Any] | None = None
) -> str:
    """Write the report of a run as one self-contained HTML page.

    Each part is a table or value as below; a text in place of a table is the reason why the part
    is left out; a part not given is said to be left out too.

    Parameters
    ----------
    parts : mapping
        ``read`` (mapping of facts, such as events, customers, span), ``quarantine`` (DataFrame
        ``reason, rows``), ``stages`` (DataFrame ``stage, customers, ...``), ``people_by_stage``
        (as :func:`stage_share_figure`), ``transitions`` (as :func:`transition_matrix_figure`),
        ``backtest`` (DataFrame: one row a task and model, metrics with ``_low`` and ``_high``),
        ``backtest_by_date`` (``model, test_date``, metrics, optionally ``task``), ``champion``
        (model name, or mapping from task to it), ``champion_why`` (text), ``calibration``
        and ``lift`` (mapping from model to table), ``base_rate``, ``feature_groups`` (``group,
        importance``), ``certificate`` (list of lines), ``tiers`` (``tier, customers, capacity``),
        ``capacity_curve`` (``limit, expected_value``), ``present_capacity``, ``where_next``
        (list of commands or links as text), ``currency``, ``horizon_days``.
    title : str
        Heading of the page.
    trust : mapping, optional
        As in :func:`nexttouch.plots.worklist_page`.

    Returns
    -------
    str
        HTML; the same text for the same input.

    Raises
    ------
    PageInputError
        If a part is unknown or its table lacks a column.

    Examples
    --------
    >>> page = run_report_page({"read": {"events": 120}, "lift": "one class only"}, title="Run 1")
    >>> "Left out: one class only." in page
    True
    """
    check_keys("run report", parts, _PARTS)
    sections = [
        _read(parts),
        _journey(parts),
        _backtest(parts),
        _figure_section(parts, "calibration", "Calibration", calibration_figure),
        _figure_section(parts, "lift", "Lift", lift_figure, base_rate=parts.get("base_rate")),
        _figure_section(parts, "feature_groups", "What moves the prediction", feature_group_figure),
        _certificate(parts),
        _decisions(parts),
        _where_next(parts),
    ]
    return render("report.html", title=title, trust=trust, tiles=[], sections=sections)


def _figure_section(
    parts: Mapping[str, Any], name: str, title: str, draw: Callable[..., Figure], **options: Any
) -> Section:
    section, table = Section(title), parts.get(name)
    if not _is_given(table):
        section.left_out = _why_not(table)
        return section
    section.charts += inline_charts({title: to_svg(draw(table, **options))})
    for label, frame in table.items() if isinstance(table, Mapping) else [("", table)]:
        caption = f"{title}, {label}" if label else title
        section.numbers.append(view_of(frame, caption, bars=False))
    return section


def _read(parts: Mapping[str, Any]) -> Section:
    section, facts = Section("What was read"), parts.get("read")
    if _is_given(facts):
        words = {
            phrase(k): number(v) if _is_count(v) else moment(v) for k, v in dict(facts).items()
        }
        table = pd.DataFrame({"fact": list(words), "value": list(words.values())})
        section.tables.append(view_of(table, "The event log of this run"))
    else:
        section.left_out = _why_not(facts)
    rejected = parts.get("quarantine")
    if _is_given(rejected):
        section.tables.append(view_of(rejected, "Rows set aside, by reason"))
    elif isinstance(rejected, pd.DataFrame):
        section.lines.append("No row was set aside.")
    else:
        section.lines.append(f"Rows set aside: left out, {_why_not(rejected)}")
    return section


def _journey(parts: Mapping[str, Any]) -> Section:
    section, days = Section("Journey"), parts.get("horizon_days")
    drawings: tuple[tuple[str, str, str, Callable[[pd.DataFrame], Figure]], ...] = (
        ("people_by_stage", "cutoff", "Customers per stage over the cutoffs", stage_share_figure),
        ("transitions", "stage", "Moves within the horizon",
         lambda counts: transition_matrix_figure(counts, horizon_days=days)),
    )  # fmt: skip
    for name, index, caption, draw in drawings:
        table = parts.get(name)
        if _is_given(table):
            section.charts += inline_charts({caption: to_svg(draw(table))})
            named = table.rename_axis(index=index, columns=None).reset_index()
            section.numbers.append(view_of(named, caption))
        else:
            section.lines.append(f"{caption}: left out, {_why_not(table)}")
    table = parts.get("stages")
    if _is_given(table):
        section.tables.append(view_of(table, "Customers by stage", currency=_currency(parts)))
    return section


def _backtest(parts: Mapping[str, Any]) -> Section:
    section, table = Section("Backtest and champion"), parts.get("backtest")
    champion = parts.get("champion")
    if not is_absent(champion):
        named = champion if isinstance(champion, Mapping) else {"": champion}
        for task, model in named.items():
            section.lines.append(f"Champion{f' of {task}' if task else ''}: {model}.")
    if not is_absent(parts.get("champion_why")):
        section.lines.append(str(parts["champion_why"]))
    if _is_given(table):
        for task, rows in _by_task(table):
            caption = f"Means over the test dates{f', {task}' if task else ''}; 95% intervals"
            kept = rows.drop(columns="task", errors="ignore").dropna(axis="columns", how="all")
            section.tables.append(view_of(kept, caption, champion=_champion(champion, task)))
    else:
        section.left_out = _why_not(table)
    dated = parts.get("backtest_by_date")
    if _is_given(dated):
        for task, rows in _by_task(dated):
            metric = "log_loss" if "log_loss" in rows else "auc"
            figure = metrics_by_date_figure(rows, metric=metric, champion=_champion(champion, task))
            section.charts += inline_charts({f"Test dates {task}".strip(): to_svg(figure)})
    return section


def _certificate(parts: Mapping[str, Any]) -> Section:
    section, lines = Section("Leakage certificate"), parts.get("certificate")
    if isinstance(lines, list | tuple) and lines:
        section.lines += [str(line) for line in lines]
    else:
        section.left_out = _why_not(lines)
    return section


def _decisions(parts: Mapping[str, Any]) -> Section:
    section, tiers = Section("Tiers against capacity"), parts.get("tiers")
    if not _is_given(tiers):
        section.left_out = _why_not(tiers)
        return section
    section.charts += inline_charts({"Tiers": to_svg(tier_figure(tiers))})
    section.tables.append(tier_view(tiers, currency=_currency(parts)))
    curve = parts.get("capacity_curve")
    if _is_given(curve):
        figure = capacity_curve_figure(
            curve, present=parts.get("present_capacity"), currency=_currency(parts)
        )
        section.charts += inline_charts({"What more capacity would earn": to_svg(figure)})
        section.numbers.append(view_of(curve, "Capacity curve", currency=_currency(parts)))
    return section


def _where_next(parts: Mapping[str, Any]) -> Section:
    section, lines = Section("Where next"), parts.get("where_next")
    if isinstance(lines, list | tuple) and lines:
        section.commands += [str(line) for line in lines]
    else:
        section.left_out = _why_not(lines)
    return section


def _by_task(table: pd.DataFrame) -> Iterable[tuple[str, pd.DataFrame]]:
    if "task" not in table:
        return [("", table)]
    return [(str(task), rows) for task, rows in table.groupby("task", sort=False, observed=True)]


def _champion(champion: Any, task: str) -> str | None:
    named = champion.get(task) if isinstance(champion, Mapping) else champion
    return None if is_absent(named) else str(named)


def _is_given(part: Any) -> TypeGuard[Any]:
    if isinstance(part, pd.DataFrame):
        return not part.empty
    return isinstance(part, Mapping) and bool(part)


def _why_not(part: Any) -> str:
    if isinstance(part, str) and part.strip():
        return part.strip().rstrip(".") + "."
    return "this run did not make it." if part is None else "it has no rows."


def _is_count(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _currency(parts: Mapping[str, Any]) -> str:
    return str(parts.get("currency") or "")
