"""Zones agree with the installed time zone data, and unclear hours have one meaning."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from nexttouch.events.zones import zone_table

ZONES = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Africa/Casablanca",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "America/Sao_Paulo",
]


@pytest.mark.parametrize("zone", ZONES)
def test_local_days_and_hours_are_those_of_zoneinfo(zone):
    start = datetime(1999, 12, 31, tzinfo=UTC)
    moments = [start + timedelta(hours=7 * step, minutes=step % 60) for step in range(40_000)]
    us = np.array([int(m.timestamp()) * 1_000_000 for m in moments])
    day, hour = zone_table(zone).local_day_and_hour(us)
    local = [m.astimezone(ZoneInfo(zone)) for m in moments]
    assert day.tolist() == [(m.date() - date(1970, 1, 1)).days for m in local]
    assert hour.tolist() == [m.hour for m in local]


@pytest.mark.parametrize("zone", ZONES)
def test_wall_clock_times_mean_what_zoneinfo_says_with_fold_0(zone):
    epoch = datetime(1970, 1, 1, tzinfo=UTC).replace(tzinfo=None)
    start = epoch.replace(year=2001)
    walls = [start + timedelta(minutes=30 * step) for step in range(24 * 2 * 365 * 6)][::3]
    us = np.array([(w - epoch) // timedelta(microseconds=1) for w in walls])
    expected = [int(w.replace(tzinfo=ZoneInfo(zone)).timestamp()) * 1_000_000 for w in walls]
    assert zone_table(zone).to_utc(us).tolist() == expected


def us_of(text):
    return int(np.datetime64(text, "us").astype(np.int64))


def test_an_hour_that_happens_twice_means_the_first():
    table = zone_table("Europe/Berlin")
    assert table.to_utc(np.array([us_of("2025-10-26T02:30")]))[0] == us_of("2025-10-26T00:30")


def test_a_skipped_hour_moves_forward():
    table = zone_table("Europe/Berlin")
    assert table.to_utc(np.array([us_of("2025-03-30T02:30")]))[0] == us_of("2025-03-30T01:30")


def test_a_day_starts_at_local_midnight():
    day = (np.datetime64("2025-07-01") - np.datetime64("1970-01-01")).astype(int)
    assert zone_table("Europe/Berlin").day_start(int(day)) == us_of("2025-06-30T22:00")
