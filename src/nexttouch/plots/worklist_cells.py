"""Columns of the worklist's table and the HTML of their cells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from nexttouch.plots.words import (
    ABSENT,
    is_absent,
    money,
    number,
    phrase,
    reasons,
    share,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    import pandas as pd

_NOTHING = Markup("<td>{}</td>").format(ABSENT)
_HUMAN = frozenset({"high_touch", "customer_success_manager", "hybrid"})


@dataclass(frozen=True)
class Column:
    """A column of the worklist: its source, its words, and how a cell is written."""

    name: str
    label: str
    write: Callable[[Mapping[str, Any]], Markup]
    number: bool = False
    also: str = ""

    def is_told_by(self, worklist: pd.DataFrame) -> bool:
        """Whether the worklist says anything here; the one segment 'all' says nothing."""
        if self.also in worklist and not all(map(is_absent, worklist[self.also])):
            return True
        if self.name not in worklist or all(map(is_absent, worklist[self.name])):
            return False
        return self.name != "segment" or set(worklist["segment"].dropna()) != {"all"}


def cells_of(row: Mapping[str, Any], columns: Iterable[Column]) -> tuple[Markup, ...]:
    """Write a customer's cells."""
    return tuple(column.write(row) for column in columns)


def _text(name: str) -> Callable[[Mapping[str, Any]], Markup]:
    def write(row: Mapping[str, Any]) -> Markup:
        value = row.get(name)
        text = ABSENT if is_absent(value) else str(value)
        return Markup("<td>{}</td>").format(text)  # a cell is a paragraph: no bidi leaks

    return write


def _sortable(value: Any, shown: Markup | str) -> Markup:
    exact = "" if is_absent(value) else f"{float(value):.9g}"
    return Markup('<td class="n" data-v="{}">{}</td>').format(exact, shown)


def _rank(row: Mapping[str, Any]) -> Markup:
    return _sortable(row["rank"], number(row["rank"]))


def _customer(row: Mapping[str, Any]) -> Markup:
    return Markup('<th scope="row"><bdi class="id">{}</bdi></th>').format(row["customer_id"])


def _stage(row: Mapping[str, Any]) -> Markup:
    if is_absent(row.get("stage")):
        return _NOTHING
    after = row.get("next_stage")
    if is_absent(after):
        return Markup("<td><bdi>{}</bdi></td>").format(phrase(row["stage"]))
    chance = row.get("p_next_stage")
    likely = "" if is_absent(chance) else Markup('<span class="sub">{}</span>').format(
        f"{share(chance)} likely"
    )  # fmt: skip
    return Markup('<td><span class="flow"><bdi>{}</bdi> → <bdi>{}</bdi></span>{}</td>').format(
        phrase(row["stage"]), phrase(after), likely
    )


def _risk(row: Mapping[str, Any]) -> Markup:
    risk = row.get("p_churn")
    if is_absent(risk):
        return _sortable(risk, ABSENT)
    percent = min(100, max(0, round(float(risk) * 100)))  # type: ignore[arg-type]
    little = Markup('<span class="badge">little history</span>')
    shown = Markup(
        '<span class="risk"><span class="bar"><i class="w{}"></i></span>{}</span>{}'
    ).format(percent, share(risk), little if _is_true(row.get("little_history")) else "")
    return _sortable(risk, shown)


def _amount(name: str) -> Callable[[Mapping[str, Any]], Markup]:
    def write(row: Mapping[str, Any]) -> Markup:
        return _sortable(row.get(name), money(row.get(name)))

    return write


def _tier(row: Mapping[str, Any]) -> Markup:
    tier, level = row.get("tier"), row.get("effect_level")
    if is_absent(tier):
        return _NOTHING
    kind = " human" if tier in _HUMAN else " none" if tier == "no_touch" else ""
    badge: Markup | str = ""
    if row.get("group") == "holdout":
        badge = Markup('<span class="badge">holdout: leave alone</span>')
    elif not is_absent(level) and tier != "no_touch":
        look = "badge" if level == "assumed" else "sub"
        badge = Markup('<span class="{}">{}</span>').format(look, level)
    return Markup('<td><span class="chip{}">{}</span>{}</td>').format(kind, phrase(tier), badge)


def _play(row: Mapping[str, Any]) -> Markup:
    play, why = row.get("play"), row.get("why")
    reason = "" if is_absent(why) else Markup('<span class="sub">{}</span>').format(why)
    return Markup("<td>{}{}</td>").format(
        ("" if reason else ABSENT) if is_absent(play) else str(play), reason
    )


def _why(row: Mapping[str, Any]) -> Markup:
    said = reasons(row.get("reasons"))
    if not said:
        return _NOTHING
    items = Markup("").join(Markup("<li>{}</li>").format(reason) for reason in said)
    return Markup('<td><ul class="why">{}</ul></td>').format(items)


def _is_true(value: Any) -> bool:
    return not is_absent(value) and bool(value)


COLUMNS = (
    Column("rank", "Rank", _rank, number=True),
    Column("customer_id", "Customer", _customer),
    Column("owner", "Owner", _text("owner")),
    Column("segment", "Segment", _text("segment")),
    Column("stage", "Stage → most likely next", _stage),
    Column("p_churn", "Churn risk", _risk, number=True),
    Column("margin_if_kept", "Value at stake", _amount("margin_if_kept"), number=True),
    Column("tier", "Tier", _tier),
    Column("expected_value", "Expected value", _amount("expected_value"), number=True),
    Column("reasons", "Why (↑ raises the churn risk)", _why),
    Column("play", "What to do", _play, also="why"),
)
