"""Contacts and consent: counted as a person would count them, and obeyed by the decision."""

from __future__ import annotations

import contextlib

import numpy as np
import pandas as pd
import pytest

from nexttouch import pipeline
from nexttouch.engine import EventStore
from nexttouch.pipeline import Predictor, Project
from nexttouch.pipeline.scoring import with_contacts
from nexttouch.store import ScoreStore


@pytest.fixture(scope="module")
def kept(finished):
    database = ScoreStore.open(Project.open(finished.folder).database_url)
    with contextlib.closing(database):
        yield database.latest_scores(), database.latest_decisions(), database.latest_run().as_of


@pytest.fixture(scope="module")
def letters(finished):
    orders = finished.orders.iloc[:-6]
    return orders.assign(at=pd.to_datetime(orders["at"], utc=True))


@pytest.mark.parametrize("days", [7, 30])
def test_contacts_in_a_window_are_a_plain_count(kept, letters, days):
    scores, _, as_of = kept
    sent = letters[(letters["event"] == "mail_sent") & (letters["at"] < as_of)]
    recent = sent[sent["at"] >= as_of - pd.Timedelta(days=days)]
    plain = recent["customer"].value_counts()
    counted = scores.set_index("customer_id")[f"contacts_{days}d"]
    assert counted.sum() == len(recent) > 0
    assert {c: n for c, n in counted.items() if n} == plain.to_dict()


def test_hours_since_the_last_touch_are_elapsed_time(kept, letters):
    scores, _, as_of = kept
    last = letters[letters["event"] == "mail_sent"].groupby("customer")["at"].max()
    hours = (as_of - last).dt.total_seconds() / 3600
    told = scores.set_index("customer_id")["hours_since_touch"].astype(float)
    assert told.dropna().to_dict() == pytest.approx(hours.to_dict())
    assert told.isna().sum() == len(scores) - len(hours)


def wishes(letters):
    """The last word of each customer: True for yes, False for no."""
    words = letters[letters["event"].isin(["mail_yes", "mail_no"])].sort_values("at")
    return words.groupby("customer")["event"].last() == "mail_yes"


def test_the_last_wish_counts_and_silence_is_the_default(kept, letters):
    scores, _, _ = kept
    wished = wishes(letters)
    assert wished.nunique() == 2
    told = scores.set_index("customer_id")["consent_email"].astype(bool)
    assert told[wished.index].to_dict() == wished.to_dict()
    assert told.drop(wished.index).all()


def test_who_said_no_gets_no_letter(kept, letters):
    _, decisions, _ = kept
    decisions = decisions.set_index("customer_id")
    wished = wishes(letters)
    closed = decisions.loc[wished.index[~wished.to_numpy()]]
    assert len(closed) > 5
    assert not closed["tier"].isin(["automated_retention", "low_touch"]).any()
    reasons = closed["closed_tiers"].astype(str)
    assert reasons.str.contains("consent|agreed", regex=True).all(), reasons.iloc[0]


def test_an_opt_out_counts_from_its_instant_and_wins_a_tie(kit, finished, tmp_path):
    at = "2025-05-01T10:00:00Z"
    rows = [
        ("tie", "mail_no", at),
        ("tie", "mail_yes", at),
        ("back", "mail_no", at),
        ("back", "mail_yes", "2025-05-01T10:00:01Z"),
        ("gone", "mail_yes", at),
        ("gone", "mail_no", "2025-05-01T10:00:01Z"),
        ("later", "mail_no", "2025-05-20T00:00:00Z"),
    ]
    start = [(c, "purchase", "2025-04-01T10:00:00Z") for c in ("tie", "back", "gone", "later")]
    table = pd.DataFrame(rows + start, columns=["customer", "event", "at"])
    table = table.assign(channel="web", total=1.0)
    folder = kit.write_project(tmp_path / "shop", table)
    pipeline.ingest(folder, now=pd.Timestamp("2025-07-01", tz="UTC"))
    predictor = Predictor.load(finished.folder / "bundle")
    moment = pd.Timestamp("2025-05-20", tz="UTC")
    told = {}
    for log in EventStore.open(folder / "state/events").logs():
        predictions = predictor.predict_log(log, moment.value // 1000)
        frame = with_contacts(predictions, log, Project.open(folder))
        told |= dict(zip(frame["customer_id"], np.asarray(frame["consent_email"]), strict=True))
    assert told == {"tie": False, "back": True, "gone": False, "later": True}
