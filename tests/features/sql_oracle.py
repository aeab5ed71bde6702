"""The same features in SQL, straight on events: one filtered aggregate for each column.

It shares nothing with the package but the list of columns: DuckDB reads the times, finds the local
day and hour, adds decimals and counts. Columns that take the state of a customer (stages, sessions,
gaps, the last of a tie) have no plain aggregate and are left out.
"""

import duckdb
import numpy as np

from nexttouch.features.columns import DAY_PARTS

DAY = 86_400_000_000
AMOUNTS = {"value": "value", "quantity": "quantity"}


def sql_columns(plan):
    """Return the places of a plan's columns that SQL can say, with their expressions."""
    said = {place: _sql(plan, column) for place, column in enumerate(plan.columns)}
    return {place: text for place, text in said.items() if text is not None}


def sql_features(plan, events, cutoffs_us, zone):
    """Compute those columns.

    Parameters
    ----------
    plan : FeaturePlan
    events : list of dict
        ``customer_id``, ``timestamp`` (microseconds UTC), ``event`` and more.
    cutoffs_us : int64, shape (n_cutoffs,)
    zone : str

    Returns
    -------
    float64, shape (n_said, n_rows)
        Rows by customer (as bytes), then cutoff.
    """
    firsts = ",\n".join(
        f"min(us) FILTER (WHERE {_of(plan, group)}) OVER today AS {_first(plan, group)}"
        for group in plan.groups
    )
    wanted = ",\n".join(sql_columns(plan).values())
    database = duckdb.connect(config={"threads": 1})
    database.execute(
        "CREATE TABLE events (customer_id VARCHAR, us BIGINT, event VARCHAR, channel VARCHAR, "
        "value DECIMAL(18, 2), quantity BIGINT, actor VARCHAR)"
    )
    keys = ("customer_id", "timestamp", "event", "channel", "value", "quantity", "actor_id")
    database.executemany(
        "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?)",
        [[event.get(key) for key in keys] for event in events],
    )
    found = database.execute(
        f"""
        WITH told AS (
            SELECT *, timezone('{zone}', make_timestamptz(us)) AS wall FROM events
        ), known AS (
            SELECT *, date_trunc('day', wall) AS day
            FROM told JOIN (SELECT unnest(?::BIGINT[]) AS cutoff) ON us < cutoff
        ), dated AS (
            SELECT *, {firsts} FROM known WINDOW today AS (PARTITION BY customer_id, cutoff, day)
        )
        SELECT {wanted} FROM dated GROUP BY customer_id, cutoff ORDER BY customer_id, cutoff
        """,
        [np.asarray(cutoffs_us).tolist()],
    ).fetchall()
    return np.array(found, dtype=object).reshape(len(found), -1).T.astype(np.float64)


def _sql(plan, column):
    match column.op, *column.args:
        case "recency", group:
            return f"(cutoff - max(us) FILTER (WHERE {_of(plan, group)})) / {DAY}"
        case "tenure", group:
            return f"(cutoff - min(us) FILTER (WHERE {_of(plan, group)})) / {DAY}"
        case "count", kind, group, days:
            return _count(plan, kind, group, days)
        case "channel", name, days:
            return f"count(*) FILTER (WHERE channel = '{name}' AND {_within('us', days)})"
        case "sum", measure, group, days if measure in AMOUNTS:
            where = f"{_of(plan, group)} AND {_within('us', days)}"
            return f"coalesce(sum({AMOUNTS[measure]}) FILTER (WHERE {where}), 0)"
        case "mean", measure, group, days if measure in AMOUNTS:
            amount, where = AMOUNTS[measure], f"{_of(plan, group)} AND {_within('us', days)}"
            total = f"sum({amount}) FILTER (WHERE {where})::DOUBLE"
            return f"{total} / count({amount}) FILTER (WHERE {where})"
        case "max", measure, group, days if measure in AMOUNTS:
            where = f"{_of(plan, group)} AND {_within('us', days)}"
            return f"max({AMOUNTS[measure]}) FILTER (WHERE {where})"
        case "decay", measure, group, days if measure == "events" or measure in AMOUNTS:
            amount = AMOUNTS.get(measure, "1")
            age = "(cutoff // 1000000 - us // 1000000)"
            left = f"pow(2::DOUBLE, -{age} / {days * 86_400})"
            return f"coalesce(sum({amount} * {left}) FILTER (WHERE {_of(plan, group)}), 0)"
        case "ratio", a, of_a, in_a, b, of_b, in_b, x, y:
            above, below = _count(plan, a, of_a, in_a), _count(plan, b, of_b, in_b)
            return above and below and f"{above} * {x} / nullif({below} * {y}, 0)::DOUBLE"
        case "breadth", days:
            return f"count(DISTINCT event) FILTER (WHERE {_within('us', days)})"
        case "people", days:
            return f"count(DISTINCT actor) FILTER (WHERE {_within('us', days)})"
    return None


def _count(plan, kind, group, days):
    where = f"{_of(plan, group)} AND {_within('us', days)}"
    if kind == "active_days":  # a day counts where its first event of the group does
        first = _within(_first(plan, group), days)
        return f"count(DISTINCT day) FILTER (WHERE {_of(plan, group)} AND {first})"
    if kind in DAY_PARTS:
        return f"count(*) FILTER (WHERE {where} AND hour(wall) // 6 = {DAY_PARTS.index(kind)})"
    if kind == "weekend":
        return f"count(*) FILTER (WHERE {where} AND isodow(wall) >= 6)"
    return f"count(*) FILTER (WHERE {where})" if kind == "events" else None


def _of(plan, group):
    """Whether an event belongs to a group."""
    names = plan.groups[group]
    if names is None:
        return "true"
    listed = ", ".join(f"'{name}'" for name in names)
    return f"event IN ({listed})" if listed else "false"


def _within(moment, days):
    return f"{moment} >= cutoff - {days * DAY}" if days else "true"


def _first(plan, group):
    return f"first_{list(plan.groups).index(group)}"
