"""Facts as a person reads them in a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import Console

__all__ = [
    "show_check",
    "show_decisions",
    "show_explanation",
    "show_ingest",
    "show_run",
    "show_scores",
    "show_training",
]

Facts = dict[str, Any]


def show_run(out: Console, facts: Facts) -> None:
    """Everything in the order of the data's way."""
    show_ingest(out, facts["ingest"])
    show_training(out, facts["training"])
    show_scores(out, facts["scores"])
    show_decisions(out, facts["decisions"])


def show_check(out: Console, facts: Facts) -> None:
    """One line per part of the project."""
    mark = {"complete": "[green]complete[/]", "missing": "[yellow]missing[/]"}
    out.print(f"[bold]{escape(facts['project'])}[/]")
    for part in facts["parts"]:
        state = mark.get(part["state"], f"[red]{part['state']}[/]")
        out.print(f"  {part['part']:<12} {state}")
        for note in part["notes"]:
            out.print(f"               {escape(note)}")


def show_ingest(out: Console, facts: Facts) -> None:
    """Show what was read, and what was put aside."""
    _head(out, "Read")
    out.print(
        f"{facts['events']:,} events of {facts['customers']:,} customers, "
        f"{facts['first'][:10]} to {facts['last'][:10]} ({facts['span_days']} days)"
        + {"nothing new": "; nothing new since the last ingest"}.get(facts["how"], "")
    )
    if facts["why"] and facts["why"] != "there was no store":
        out.print(f"The store was made anew: {escape(facts['why'])}.")
    out.print(", ".join(f"{escape(name)} {count:,}" for name, count in facts["by_event"].items()))
    reasons = facts["quarantined"]
    if reasons:
        _table(out, ["put aside because", "rows"], [[r, f"{n:,}"] for r, n in reasons.items()])
        out.print("Rows kept to look at: " + escape(", ".join(facts["quarantine_files"])))
    else:
        out.print("No row had to be put aside.")
    for note in facts["notes"]:
        out.print(escape(note))


def show_training(out: Console, facts: Facts) -> None:
    """Stages, transitions, backtest, champion, certificate."""
    journey = facts["journey"]
    _head(out, f"Journey '{escape(journey['name'])}' on {journey['as_of'][:10]}")
    rows = [
        [s["stage"], s["aspect"], f"{s['customers']:,}", _share(s["share"])]
        for s in journey["stages"]
    ]
    _table(out, ["stage", "aspect", "customers", "share"], rows)
    _head(out, f"From stage to stage in {journey['horizon_days']} days (share of rows)")
    transitions = journey["transitions"]
    names = transitions["to"]
    rows = [
        [row["from"], *(_share(s) if s else "·" for s in row["shares"]), f"{row['count']:,}"]
        for row in transitions["rows"]
    ]
    _table(out, ["from", *names, "rows"], rows)
    for task in facts["backtest"]:
        _head(
            out,
            f"Backtest: {task['title']} ({task['test_dates']} test dates, {task['rows']:,} rows)",
        )
        _table(
            out,
            list(task["columns"]),
            [[_figure(x) for x in row] for row in task["table"]],
            star=task["champion"],
        )
        out.print(f"Champion: [bold]{escape(task['champion'])}[/]. {escape(task['why'])}")
    if not facts["reconciled"]:
        out.print(
            "Churn risk and next stages are served side by side here, not as one distribution "
            "(`nexttouch check` says whether they could be)."
        )
    certificate = facts["certificate"]
    _head(out, "Leakage certificate")
    verdict = "Passed" if certificate["passed"] else "FAILED"
    out.print(
        f"{verdict}: {len(certificate['checks'])} perturbations of "
        f"{certificate['customers']} customers' futures moved "
        f"{sum(c['moved_before'] for c in certificate['checks'])} of "
        f"{sum(c['rows_before'] for c in certificate['checks']):,} rows before the cutoff "
        f"(and {sum(c['moved_after'] for c in certificate['checks']):,} after it)."
    )
    _head(out, "Model")
    out.print(escape(facts["gate"]["sentence"]))
    for line in facts["gate"]["lines"]:
        mark = "[green]ok[/]" if line["passed"] else "[red]refused[/]"
        out.print(f"  {mark} {escape(line['text'])}")
    out.print(
        f"MLflow: {escape(facts['model']['name'])} version {facts['model']['version']}, "
        f"run {facts['model']['run_id']}"
    )


def show_scores(out: Console, facts: Facts) -> None:
    """How many customers were scored, and how the risk is spread."""
    _head(out, f"Scored as of {facts['as_of'][:10]}")
    out.print(
        f"{facts['scored']:,} eligible customers, {facts['not_eligible']:,} not eligible "
        f"(no activity event in {facts['eligible_days']} days), "
        f"{facts['little_history']:,} with little history. "
        f"Mean churn risk {_share(facts['mean_p_churn'])}."
    )


def show_decisions(out: Console, facts: Facts) -> None:
    """Tiers against capacity, then the first of the worklist."""
    _head(
        out,
        "Touch tiers"
        + (f" [yellow]({facts['effect_level']} effects)[/]" if facts["effect_level"] else ""),
    )
    rows = [
        [
            t["tier"],
            f"{t['customers']:,}",
            _capacity(t["capacity"]),
            _figure(t["expected_value"]),
            _figure(t["price"]),
        ]
        for t in facts["tiers"]
    ]
    unit = facts["currency"]
    _table(
        out,
        ["tier", "customers", "capacity", f"expected value {unit}", f"one more slot {unit}"],
        rows,
    )
    used = [r for r in facts["limits"] if r["kind"] != "capacity"]
    if used:
        rows = [
            [r["resource"], f"{r['used']:,.1f}", f"{r['limit']:,.0f}", _figure(r["price"])]
            for r in used
        ]
        _table(out, ["limit", "used", "of", f"one more {unit}"], rows)
    for note in facts["notes"]:
        out.print(escape(note))
    _head(out, "Worklist, top 10")
    rows = [
        [
            str(w["rank"]),
            w["customer_id"],
            f"{w['stage']} → {w['next_stage']}",
            _share(w["p_churn"]),
            w["tier"],
            f"{w['expected_value']:,.2f}",
            "; ".join(w["reasons"]),
        ]
        for w in facts["worklist"]
    ]
    _table(
        out, ["", "customer", "stage", "churn", "tier", unit, "why (\u2191 raises the risk)"], rows
    )
    _head(out, "Where to look next")
    for line in facts["next"]:
        out.print(f"  {line['what']:<12} {escape(line['where'])}", soft_wrap=True)


def show_explanation(out: Console, facts: Facts) -> None:
    """One customer, from events to tier."""
    _head(out, f"Customer {escape(facts['customer_id'])} as of {facts['as_of'][:10]}")
    out.print(f"{facts['events']:,} events, {facts['first'][:10]} to {facts['last'][:10]}")
    _table(
        out,
        ["when", "event", "channel", "value"],
        [
            [e["timestamp"][:16], e["event"], e["channel"] or "", _figure(e["value"])]
            for e in facts["last_events"]
        ],
    )
    out.print(f"Stage [bold]{facts['stage']}[/]; if nothing happens: {facts['silent_stage']}")
    rows = [
        [p["stage"], _share(p["probability"])] for p in facts["p_stage"] if p["probability"] > 0
    ]
    _table(out, [f"stage in {facts['horizon_days']} days", "probability"], rows)
    out.print(f"Churn risk [bold]{_share(facts['p_churn'])}[/], model {escape(facts['model'])}")
    _table(
        out,
        ["reason", "contribution (logit)", "in words"],
        [[r["group"], f"{r['contribution']:+.3f}", r["words"]] for r in facts["reasons"]],
    )
    _table(
        out,
        ["feature", "value", "cohort median"],
        [[f["name"], _figure(f["value"]), _figure(f["median"])] for f in facts["features"]],
    )
    decision = facts["decision"]
    if decision is None:
        out.print("No tier yet: run `nexttouch decide`.")
        return
    out.print(
        f"Tier [bold]{decision['tier']}[/] ({decision['effect_level']} effect), "
        f"worth {decision['expected_value']:,.2f} {facts['currency']}"
    )
    for line in decision["why"]:
        out.print(f"  {escape(line)}")


def _head(out: Console, text: str) -> None:
    out.print()
    out.print(f"[bold underline]{text}[/]")


def _table(
    out: Console, columns: Sequence[str], rows: Iterable[Sequence[str]], *, star: str = ""
) -> None:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    body = [[str(cell) for cell in row] for row in rows]
    for at, name in enumerate(columns):
        numeric = bool(body) and all(_is_number(row[at]) for row in body)
        table.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for row in body:
        table.add_row(
            *(escape(cell) for cell in row), style="bold" if star and row[0] == star else None
        )
    out.print(table)


def _is_number(cell: str) -> bool:
    return not cell.strip("0123456789.,%+-·± ") and cell != ""


def _share(x: float) -> str:
    return f"{100 * x:.1f}%"


def _figure(x: Any) -> str:
    if x is None:
        return "-"
    if isinstance(x, float):
        return f"{x:,.0f}" if abs(x) >= 1000 else f"{x:.4g}"
    return str(x)


def _capacity(x: float | None) -> str:
    return "no limit" if x is None else f"{x:,.0f}"
