"""Time zones as one table of switches, so that every path computes the same local day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["ZoneTable", "zone_table"]

_DAY_US = 86_400_000_000
_HOUR_US = 3_600_000_000
_FIRST_YEAR, _LAST_YEAR = 1970, 2100
_STEP_S = 4 * 86_400  # no zone has gone forth and back within four days since 1970


@dataclass(frozen=True, eq=False)
class ZoneTable:
    """Offsets of a zone between 1970 and 2100; outside, the nearest offset holds.

    Attributes
    ----------
    switch_us : int64, shape (n,)
        Instants (microseconds UTC) at which the offset changes.
    wall_us : int64, shape (n,)
        Wall-clock reading from which the new offset holds for times written without a zone: in an
        hour that happens twice the first is meant, an hour that is skipped moves forward.
    offset_us : int64, shape (n + 1,)
        Offset before the first switch, and after each.
    """

    switch_us: NDArray[np.int64]
    wall_us: NDArray[np.int64]
    offset_us: NDArray[np.int64]

    def local_day_and_hour(
        self, timestamp_us: NDArray[np.int64]
    ) -> tuple[NDArray[np.int32], NDArray[np.int8]]:
        """Return calendar days since 1970-01-01 and hours on the zone's wall clock.

        Examples
        --------
        >>> day, hour = zone_table("Asia/Tokyo").local_day_and_hour(np.array([-1, 54_000_000_000]))
        >>> day.tolist(), hour.tolist()
        ([0, 1], [8, 0])
        """
        if len(self.switch_us):
            at = np.searchsorted(self.switch_us, timestamp_us, side="right")
            local = timestamp_us + self.offset_us[at]
        else:
            local = timestamp_us + self.offset_us[0]
        day = local // _DAY_US
        hour = (local - day * _DAY_US) // _HOUR_US
        return day.astype(np.int32), hour.astype(np.int8)

    def to_utc(self, wall_us: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the instants of wall-clock readings.

        Examples
        --------
        >>> skipped = np.array([np.datetime64("2025-03-30T02:30", "us").astype(np.int64)])
        >>> zone_table("Europe/Berlin").to_utc(skipped).astype("datetime64[us]")[0]
        np.datetime64('2025-03-30T01:30:00.000000')
        """
        at = np.searchsorted(self.wall_us, wall_us, side="right")
        return wall_us - self.offset_us[at]

    def day_start(self, local_day: int) -> int:
        """Return the first instant of a calendar day, in microseconds UTC."""
        return int(self.to_utc(np.array([local_day * _DAY_US], dtype=np.int64))[0])


@lru_cache(maxsize=32)
def zone_table(zone: str) -> ZoneTable:
    """Return the switches of a zone, read from the installed time zone data once per process.

    Examples
    --------
    >>> len(zone_table("UTC").switch_us)
    0
    """
    info = ZoneInfo(zone)
    epoch = datetime(1970, 1, 1, tzinfo=UTC)

    def offset(seconds: int) -> int:
        shift = (epoch + timedelta(seconds=seconds)).astimezone(info).utcoffset()
        return 0 if shift is None else int(shift.total_seconds())

    first = int((datetime(_FIRST_YEAR, 1, 1, tzinfo=UTC) - epoch).total_seconds())
    last = int((datetime(_LAST_YEAR, 1, 1, tzinfo=UTC) - epoch).total_seconds())
    switches: list[int] = []
    offsets = [offset(first)]
    for low in range(first, last if zone != "UTC" else first, _STEP_S):
        high = low + _STEP_S
        while offset(high) != offsets[-1]:
            middle, end = max(low, switches[-1] if switches else low), high
            while end - middle > 1:
                half = (middle + end) // 2
                middle, end = (half, end) if offset(half) == offsets[-1] else (middle, half)
            switches.append(end)
            offsets.append(offset(end))
    switch_us = np.array(switches, dtype=np.int64) * 1_000_000
    offset_us = np.array(offsets, dtype=np.int64) * 1_000_000
    wall_us = switch_us + np.maximum(offset_us[:-1], offset_us[1:])
    return ZoneTable(switch_us, wall_us, offset_us)
