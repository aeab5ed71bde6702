"""``nexttouch init``: seven questions, asked on a terminal or answered by flags."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

import typer

from nexttouch.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Answers", "ask", "write_project"]


@dataclass(frozen=True)
class Answers:
    """Answers to the seven questions of choosing an engagement model; None is still open."""

    audience: str | None
    channels: str | None
    objective: str | None
    experiment: float | None
    human_hours: float | None
    activity: str | None
    review_days: int | None
    source: str | None
    margin_rate: float | None
    currency: str | None
    journey: str = "lifecycle"


QUESTIONS: dict[str, tuple[str, str | float | int]] = {
    "audience": ("1. Audience: who are the customers?", "people who buy from us"),
    "channels": ("2. Tools and channels: how can you reach them? (comma separated)", "email"),
    "objective": ("3. Objective: what are touches for?", "retention"),
    "experiment": ("4. What is tested: share of customers held out to measure effects", 0.05),
    "human_hours": ("5. Trained people: hours per period for calls and meetings", 40.0),
    "activity": ("6. What is monitored: which events show that a customer is alive?", "purchase"),
    "review_days": ("7. How often is it reviewed: days ahead to predict", 28),
    "source": (
        "And the data: path of the events (CSV, Parquet, JSON lines, folder or glob)",
        "events.csv",
    ),
    "margin_rate": ("Contribution margin as a share of revenue", 0.3),
    "currency": ("Currency of the log (ISO code)", "EUR"),
}


def ask(given: Answers) -> Answers:
    """Ask what the flags left open."""
    asked = {
        name: typer.prompt(text, default=default, type=type(default))
        for name, (text, default) in QUESTIONS.items()
        if getattr(given, name) is None
    }
    return replace(given, **asked)


def write_project(folder: Path, answers: Answers) -> Path:
    """Write ``nexttouch.yaml``; never over an existing one.

    Raises
    ------
    ConfigError
        If the project exists, a question has neither answer nor flag, or an answer cannot be used.
    """
    from nexttouch.config import Config

    file = folder / "nexttouch.yaml"
    if file.exists():
        message = (
            f"{file} exists already; it was left as it is. Give another folder or move it away."
        )
        raise ConfigError(message)
    open_ones = [f.name for f in fields(answers) if getattr(answers, f.name) is None]
    if open_ones:
        flags = ", ".join(f"--{name.replace('_', '-')}" for name in open_ones)
        message = f"Not on a terminal, so these flags are needed: {flags}."
        raise ConfigError(message)
    text = _yaml(answers)
    Config.parse(text, source="The answers as a project")
    folder.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def _yaml(a: Answers) -> str:
    """Fill the commented template; the tests read what it writes."""
    import json

    def names(text: str | None) -> str:
        return json.dumps([part.strip() for part in (text or "").split(",") if part.strip()])

    return f"""\
# Audience: {" ".join((a.audience or "").split())}
version: 1

customers:
  sources:
    - path: {json.dumps(a.source)}        # CSV, CSV.gz, Parquet, JSON lines; a file, folder or glob
  mapping:                       # your column names
    customer_id: customer_id
    timestamp: timestamp
    event: event                 # or {{constant: purchase}} when every row is one kind of event
    value: value
  timestamps: {{zone: UTC}}        # zone of times written without one
  time_zone: UTC                 # business zone: whose midnight a day begins at
  currency: {json.dumps(a.currency)}

goals:
  objective: {json.dumps(a.objective)}
  churn: {{activity: {names(a.activity)}}}   # silence of these is churn
  horizon_days: {a.review_days}
  value_days: 364
  margin_rate: {a.margin_rate}

journey:
  preset: {json.dumps(a.journey)}
  events: {{activity: {names(a.activity)}}}

touchpoints:
  channels: {names(a.channels)}

strategy:
  profile: general
  teams:                         # hours per period for calls and meetings, and what an hour costs
    retention_agent: {{hours: {a.human_hours}, hourly_rate: 40}}
  experiments: {{holdout_share: {a.experiment}}}
"""
